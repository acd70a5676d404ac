/* The parts of the report's page, made from the files in lib/report/assets by tools/embed.py. Not ended by a
 * zero. */
#ifndef SN_REPORT_ASSETS_H
#define SN_REPORT_ASSETS_H

#include <stddef.h>

extern const char sn_report_page[]; /* with marks such as {{TITLE}} where the rest goes */
extern const size_t sn_report_page_size;
extern const char sn_report_style[];
extern const size_t sn_report_style_size;
extern const char sn_report_script[];
extern const size_t sn_report_script_size;

#endif
