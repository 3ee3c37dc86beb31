/* What librtp.so shows to Python; everything else stays inside (-fvisibility=hidden). */
#ifndef SALON_EXPORT_H
#define SALON_EXPORT_H

#define RTP_API __attribute__((visibility("default")))

#endif
