#include "scorer/scan_order.h"

size_t sn_scan_orders(const uint8_t *reference, size_t width, size_t height, size_t hard, int32_t *order) {
    size_t count = 0;
    for (size_t i = 0; i < width * height; i++)
        if (reference[i] == 0) {
            if (count < hard)
                order[count] = (int32_t)i;
            count++;
        }
    if (count != hard)
        return count;
    size_t at = 0;
    for (size_t x = 0; x < width; x++)
        for (size_t y = 0; y < height; y++)
            if (reference[y * width + x] == 0)
                order[hard + at++] = (int32_t)(y * width + x);
    for (size_t scan = 2; scan < SN_SCANS; scan++)
        for (size_t i = 0; i < hard; i++)
            order[scan * hard + i] = order[(scan - 1) * hard - 1 - i];
    return count;
}

void sn_scan_kernel(int scan, const float *src, size_t planes, float *dst) {
    for (size_t p = 0; p < planes; p++)
        for (size_t y = 0; y < 3; y++)
            for (size_t x = 0; x < 3; x++) {
                size_t at = scan % 2 == 0 ? y * 3 + x : x * 3 + y;
                dst[p * 9 + y * 3 + x] = src[p * 9 + (scan < 2 ? at : 8 - at)];
            }
}
