/* libtiff reads from memory, with its own limit on memory and handlers of this file's own: since version 4.5
 * these belong to the open file, so that nothing is printed and nobody else's handlers change. */
#include "image/xyz_tiff.h"

#include "core/memory.h"
#include "core/status.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <tiffio.h>

enum { CHANNELS = 3, SAMPLE_BITS = 32 };

typedef struct tiff_reader {
    const sn_image_file *file;
    uint64_t position;
    char message[200]; /* libtiff's first complaint */
    TIFF *tiff;
    uint32_t width, height;
    bool separate; /* a plane for each channel */
    float *xyz;
    float *block; /* a strip or tile that does not lie in xyz as in the file */
} tiff_reader;

static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list values) {
    (void)tiff, (void)module;
    tiff_reader *reader = user;
    if (reader->message[0] == '\0')
        vsnprintf(reader->message, sizeof reader->message, format, values);
    return 1; /* dealt with: the process's handlers are not called */
}

static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list values) {
    (void)tiff, (void)user, (void)module, (void)format, (void)values;
    return 1;
}

static tmsize_t on_read(thandle_t handle, void *to, tmsize_t count) {
    tiff_reader *reader = handle;
    uint64_t size = reader->file->size;
    uint64_t left = reader->position < size ? size - reader->position : 0;
    uint64_t taken = count < 0 ? 0 : (uint64_t)count < left ? (uint64_t)count : left;
    if (taken > 0)
        memcpy(to, reader->file->bytes + reader->position, (size_t)taken);
    reader->position += taken;
    return (tmsize_t)taken;
}

static tmsize_t on_write(thandle_t handle, void *from, tmsize_t count) {
    (void)handle, (void)from, (void)count;
    return 0;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence) {
    tiff_reader *reader = handle;
    uint64_t base = whence == SEEK_CUR ? reader->position : whence == SEEK_END ? reader->file->size : 0;
    reader->position =
        base + offset; /* wraps as the arithmetic of libtiff's offsets does; reads are checked */
    return reader->position;
}

static int on_close(thandle_t handle) {
    (void)handle;
    return 0;
}

static toff_t on_size(thandle_t handle) {
    const tiff_reader *reader = handle;
    return reader->file->size;
}

static snarm_status broken(const tiff_reader *reader) {
    const char *message = reader->message[0] != '\0' ? reader->message : "libtiff gives no reason";
    return sn_error(SNARM_ERROR_FORMAT, "%s: broken TIFF file: %s", reader->file->name, message);
}

static snarm_status open_tiff(tiff_reader *reader) {
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (options == NULL)
        return sn_error(SNARM_ERROR_MEMORY, "%s: libtiff could not be started", reader->file->name);
    /* What libtiff itself takes: tables of strips, which are in the file, and what is packed. */
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, ((tmsize_t)1 << 26) + (tmsize_t)reader->file->size);
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, reader);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, reader);
    /* "m": read through the functions only. */
    reader->tiff = TIFFClientOpenExt("TIFF", "rm", reader, on_read, on_write, on_seek, on_close, on_size,
                                     NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return reader->tiff != NULL ? SNARM_OK : broken(reader);
}

static snarm_status expect(const tiff_reader *reader, const char *field, unsigned value, unsigned expected,
                           const char *meaning) {
    if (value == expected)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: TIFF file whose %s is %u, expected %u%s",
                    reader->file->name, field, value, expected, meaning);
}

/* Those that can hold floating point numbers; the others' decoders never see the file. */
static snarm_status check_compression(const tiff_reader *reader) {
    uint16_t compression = 0;
    TIFFGetFieldDefaulted(reader->tiff, TIFFTAG_COMPRESSION, &compression);
    switch (compression) {
    case COMPRESSION_NONE:
    case COMPRESSION_LZW:
    case COMPRESSION_ADOBE_DEFLATE:
    case COMPRESSION_DEFLATE:
    case COMPRESSION_PACKBITS:
    case COMPRESSION_LZMA:
    case COMPRESSION_ZSTD:
    case COMPRESSION_LERC:
        break;
    default:
        return sn_error(SNARM_ERROR_UNSUPPORTED,
                        "%s: TIFF file whose compression is %u, expected none, LZW, deflate, PackBits, LZMA, "
                        "Zstandard or LERC",
                        reader->file->name, (unsigned)compression);
    }
    if (!TIFFIsCODECConfigured(compression))
        return sn_error(SNARM_ERROR_UNSUPPORTED,
                        "%s: TIFF file whose compression is %u, which the installed libtiff cannot read",
                        reader->file->name, (unsigned)compression);
    return SNARM_OK;
}

static snarm_status check_kind(tiff_reader *reader) {
    TIFF *tiff = reader->tiff;
    uint16_t samples = 0, bits = 0, format = 0, planes = 0, orientation = 0;
    uint32_t depth = 0;
    if (TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &reader->width) != 1 ||
        TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &reader->height) != 1 || reader->width == 0 ||
        reader->height == 0)
        return sn_error(SNARM_ERROR_FORMAT, "%s: broken TIFF file: picture of %u x %u pixels",
                        reader->file->name, (unsigned)reader->width, (unsigned)reader->height);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &planes);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_IMAGEDEPTH, &depth);
    SN_TRY(check_compression(reader));
    SN_TRY(expect(reader, "number of channels", samples, CHANNELS, " (x, y, z)"));
    SN_TRY(expect(reader, "sample format", format, SAMPLEFORMAT_IEEEFP, " (floating point)"));
    SN_TRY(expect(reader, "bits of a sample", bits, SAMPLE_BITS, ""));
    SN_TRY(expect(reader, "orientation", orientation, ORIENTATION_TOPLEFT, " (rows from the top)"));
    SN_TRY(expect(reader, "number of layers", depth, 1, ""));
    reader->separate = planes == PLANARCONFIG_SEPARATE;
    if (!reader->separate)
        SN_TRY(expect(reader, "arrangement of channels", planes, PLANARCONFIG_CONTIG, " or 2"));
    return sn_image_check_limits(reader->file, reader->width, reader->height);
}

/* Bytes of rows of so many pixels in the file. */
static uint64_t bytes_of(const tiff_reader *reader, uint32_t width, uint32_t rows) {
    return (uint64_t)width * rows * sizeof(float) * (reader->separate ? 1 : CHANNELS);
}

/* libtiff counts otherwise for some kinds of colour; then the bytes are not the samples expected. */
static snarm_status check_size(const tiff_reader *reader, const char *what, uint64_t size,
                               uint64_t expected) {
    if (size == expected)
        return SNARM_OK;
    return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: TIFF file with %s of %llu bytes, expected %llu",
                    reader->file->name, what, (unsigned long long)size, (unsigned long long)expected);
}

static snarm_status check_read(const tiff_reader *reader, tmsize_t got, uint64_t expected) {
    if (got >= 0 && (uint64_t)got == expected)
        return SNARM_OK;
    if (got < 0 || reader->message[0] != '\0')
        return broken(reader);
    return sn_error(SNARM_ERROR_FORMAT, "%s: broken TIFF file: a part has %lld bytes, expected %llu",
                    reader->file->name, (long long)got, (unsigned long long)expected);
}

/* Copies a block's upper left part, all channels or that of one plane, to its place. */
static void place(tiff_reader *reader, uint32_t left, uint32_t top, uint32_t block_width, uint32_t width,
                  uint32_t height, uint16_t plane) {
    for (size_t y = 0; y < height; y++) {
        float *to = reader->xyz + ((top + y) * reader->width + left) * CHANNELS;
        const float *from = reader->block + y * block_width * (reader->separate ? 1 : CHANNELS);
        if (!reader->separate)
            memcpy(to, from, (size_t)width * CHANNELS * sizeof *to);
        else
            for (size_t x = 0; x < width; x++)
                to[x * CHANNELS + plane] = from[x];
    }
}

static snarm_status read_strips(tiff_reader *reader, uint16_t planes) {
    uint32_t rows = 0;
    if (TIFFGetFieldDefaulted(reader->tiff, TIFFTAG_ROWSPERSTRIP, &rows) != 1 || rows == 0)
        return sn_error(SNARM_ERROR_FORMAT, "%s: broken TIFF file: strips of %u rows", reader->file->name,
                        (unsigned)rows);
    rows = rows < reader->height ? rows : reader->height;
    SN_TRY(check_size(reader, "rows", TIFFScanlineSize64(reader->tiff), bytes_of(reader, reader->width, 1)));
    SN_TRY(sn_alloc(&reader->block, (size_t)bytes_of(reader, reader->width, rows), 1, reader->file->name));
    for (uint16_t plane = 0; plane < planes; plane++)
        for (uint32_t top = 0; top < reader->height; top += rows) {
            uint32_t height = rows < reader->height - top ? rows : reader->height - top;
            uint64_t bytes = bytes_of(reader, reader->width, height);
            uint32_t strip = TIFFComputeStrip(reader->tiff, top, plane);
            SN_TRY(check_read(
                reader, TIFFReadEncodedStrip(reader->tiff, strip, reader->block, (tmsize_t)bytes), bytes));
            place(reader, 0, top, reader->width, reader->width, height, plane);
        }
    return SNARM_OK;
}

static snarm_status read_tiles(tiff_reader *reader, uint16_t planes) {
    uint32_t width = 0, height = 0;
    if (TIFFGetField(reader->tiff, TIFFTAG_TILEWIDTH, &width) != 1 ||
        TIFFGetField(reader->tiff, TIFFTAG_TILELENGTH, &height) != 1 || width == 0 || height == 0)
        return sn_error(SNARM_ERROR_FORMAT, "%s: broken TIFF file: tiles of %u x %u pixels",
                        reader->file->name, (unsigned)width, (unsigned)height);
    SN_TRY(sn_image_check_limits(reader->file, width, height));
    uint64_t bytes = bytes_of(reader, width, height);
    SN_TRY(check_size(reader, "tiles", TIFFTileSize64(reader->tiff), bytes));
    SN_TRY(sn_alloc(&reader->block, (size_t)bytes, 1, reader->file->name));
    for (uint16_t plane = 0; plane < planes; plane++)
        for (uint32_t top = 0; top < reader->height; top += height)
            for (uint32_t left = 0; left < reader->width; left += width) {
                uint32_t tile = TIFFComputeTile(reader->tiff, left, top, 0, plane);
                SN_TRY(check_read(
                    reader, TIFFReadEncodedTile(reader->tiff, tile, reader->block, (tmsize_t)bytes), bytes));
                uint32_t right = reader->width - left, below = reader->height - top;
                place(reader, left, top, width, width < right ? width : right,
                      height < below ? height : below, plane);
            }
    return SNARM_OK;
}

static snarm_status read_picture(tiff_reader *reader) {
    SN_TRY(open_tiff(reader));
    SN_TRY(check_kind(reader));
    size_t pixels = (size_t)reader->width * reader->height;
    SN_TRY(sn_alloc(&reader->xyz, pixels, CHANNELS * sizeof *reader->xyz, reader->file->name));
    uint16_t planes = reader->separate ? CHANNELS : 1;
    return TIFFIsTiled(reader->tiff) ? read_tiles(reader, planes) : read_strips(reader, planes);
}

snarm_status sn_xyz_tiff_decode(float **xyz, int32_t *width, int32_t *height, const sn_image_file *file) {
    tiff_reader reader = {.file = file};
    snarm_status status = read_picture(&reader);
    if (reader.tiff != NULL)
        TIFFClose(reader.tiff);
    sn_free(reader.block);
    if (status != SNARM_OK) {
        sn_free(reader.xyz);
        return status;
    }
    *xyz = reader.xyz;
    *width = (int32_t)reader.width;
    *height = (int32_t)reader.height;
    return SNARM_OK;
}
