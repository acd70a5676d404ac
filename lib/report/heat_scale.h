/* The colour scale of heat maps. */
#ifndef SN_REPORT_HEAT_SCALE_H
#define SN_REPORT_HEAT_SCALE_H

#include <stdint.h>

enum { SN_HEAT_STEPS = 256 };

/* Fills the table, red green blue, from dark violet over red and orange to light yellow. Lightness (L of
 * Ottosson's OKLab) rises by the same amount at every step, so that equal differences of the map look equal,
 * also in grey print and to colour-blind eyes; hue turns at a constant rate. */
void sn_heat_scale(uint8_t table[SN_HEAT_STEPS][3]);

/* Lightness L of OKLab of an sRGB colour, 0 black to 1 white. */
double sn_heat_lightness(const uint8_t colour[3]);

#endif
