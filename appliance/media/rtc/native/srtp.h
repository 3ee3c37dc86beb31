/* SRTP is libsrtp's, the one inside pylibsrtp: Python hands over its functions and the two sessions DTLS made. */
#ifndef SALON_SRTP_H
#define SALON_SRTP_H

/* Room that protecting a packet may need behind it: the longest tag, the longest key identifier, the RTCP index. */
#define SRTP_ROOM 160

/* Work in place; *size is the packet's before and after; 0 is success. */
typedef int (*srtp_function)(void *session, void *packet, int *size);

typedef struct {
    srtp_function protect, unprotect, protect_rtcp, unprotect_rtcp;
} srtp_functions;

#endif
