#include "report/heat_scale.h"

#include <math.h>
#include <stdbool.h>

/* Where the scale begins and ends: lightness, and hue in degrees (285 violet, 360 + 110 yellow). */
static const double lightness_low = 0.16, lightness_high = 0.96, hue_low = 285, hue_high = 470;

/* OKLab to linear sRGB, which may lie outside 0..1 (B. Ottosson, "A perceptual color space for image
 * processing"). */
static void to_linear(double lightness, double a, double b, double linear[3]) {
    double l = lightness + 0.3963377774 * a + 0.2158037573 * b;
    double m = lightness - 0.1055613458 * a - 0.0638541728 * b;
    double s = lightness - 0.0894841775 * a - 1.2914855480 * b;
    l = l * l * l, m = m * m * m, s = s * s * s;
    linear[0] = 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s;
    linear[1] = -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s;
    linear[2] = -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s;
}

static bool is_displayable(const double linear[3]) {
    for (int i = 0; i < 3; i++)
        if (!(linear[i] >= 0 && linear[i] <= 1))
            return false;
    return true;
}

static uint8_t to_byte(double linear) {
    double value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * pow(linear, 1 / 2.4) - 0.055;
    return (uint8_t)lround(fmin(fmax(value, 0), 1) * 255);
}

void sn_heat_scale(uint8_t table[SN_HEAT_STEPS][3]) {
    const double pi = 3.14159265358979323846;
    for (int i = 0; i < SN_HEAT_STEPS; i++) {
        double t = (double)i / (SN_HEAT_STEPS - 1);
        double lightness = lightness_low + (lightness_high - lightness_low) * t;
        double hue = (hue_low + (hue_high - hue_low) * t) * pi / 180;
        /* Colourful in the middle; where a screen cannot show that much, as much as it can at this lightness.
         */
        double low = 0, high = 0.08 + 0.15 * sin(pi * sqrt(t)), linear[3];
        to_linear(lightness, high * cos(hue), high * sin(hue), linear);
        if (is_displayable(linear))
            low = high;
        for (int step = 0; step < 20 && low < high; step++) {
            double chroma = (low + high) / 2;
            to_linear(lightness, chroma * cos(hue), chroma * sin(hue), linear);
            if (is_displayable(linear))
                low = chroma;
            else
                high = chroma;
        }
        to_linear(lightness, low * cos(hue), low * sin(hue), linear);
        for (int channel = 0; channel < 3; channel++)
            table[i][channel] = to_byte(linear[channel]);
    }
}

double sn_heat_lightness(const uint8_t colour[3]) {
    double linear[3];
    for (int i = 0; i < 3; i++) {
        double value = colour[i] / 255.0;
        linear[i] = value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
    }
    double l = cbrt(0.4122214708 * linear[0] + 0.5363325363 * linear[1] + 0.0514459929 * linear[2]);
    double m = cbrt(0.2119034982 * linear[0] + 0.6806995451 * linear[1] + 0.1073969566 * linear[2]);
    double s = cbrt(0.0883024619 * linear[0] + 0.2817188376 * linear[1] + 0.6299787005 * linear[2]);
    return 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s;
}
