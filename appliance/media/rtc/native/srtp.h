/* SRTP is libsrtp's, the one inside pylibsrtp: Python hands over its functions and the two sessions DTLS made. */
#ifndef SALON_SRTP_H
#define SALON_SRTP_H

/* Room that protecting a packet may need behind it: the longest tag, the longest key identifier, the RTCP index. */
#define SRTP_ROOM 160

/* Work in place; *size is the packet's before and after; 0 is success. */
typedef int (*srtp_function)(void *session, void *packet, int *size);

/* Forget an SSRC, given in network byte order, and with it which of its packets came. */
typedef int (*srtp_stream_function)(void *session, unsigned int ssrc);

typedef struct {
    srtp_function protect, unprotect, protect_rtcp, unprotect_rtcp;
    srtp_stream_function remove_stream;
} srtp_functions;

#endif
