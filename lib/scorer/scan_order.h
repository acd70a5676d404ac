/* The four orders in which the patches of a grid are visited: 0 along rows, 1 along columns, 2 and 3 the reverse of these. */
#ifndef SN_SCORER_SCAN_ORDER_H
#define SN_SCORER_SCAN_ORDER_H

#include <stddef.h>
#include <stdint.h>

enum { SN_SCANS = 4 };

/* Lists the hard patches (reference 0) of a grid in each scan's order: order (SN_SCANS, hard). Returns how many there
 * are; where that is not hard, order is not complete. */
size_t sn_scan_orders(const uint8_t *reference, size_t width, size_t height, size_t hard, int32_t *order);

/* A scan's own grid is the image's, transposed for columns and turned around for reversed scans. A 3 x 3 convolution in it equals one
 * on the image's grid with the kernel transposed or turned likewise: dst (planes, 3, 3) from src. */
void sn_scan_kernel(int scan, const float *src, size_t planes, float *dst);

#endif
