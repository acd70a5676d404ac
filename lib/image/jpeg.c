/* JPEG files to pictures. libjpeg reports errors by a long jump; everything that must survive it lies in the
 * reader, which the caller of the jumping function holds. */
#include <stddef.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>
#include <jpeglib.h>
#include <jerror.h>

#include "image/decode.h"

#include "core/memory.h"
#include "core/status.h"

typedef struct jpeg_reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    snarm_status status; /* of what made it jump */
    const sn_image_file *file;
    uint8_t *inks; /* a row of CMYK samples */
    int orientation;
    snarm_image image;
} jpeg_reader;

static snarm_status status_of(int code) {
    switch (code) {
    case JERR_OUT_OF_MEMORY:
        return SNARM_ERROR_MEMORY;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_SOF_UNSUPPORTED:
        return SNARM_ERROR_UNSUPPORTED;
    default:
        return SNARM_ERROR_FORMAT;
    }
}

static void on_error(j_common_ptr jpeg) {
    jpeg_reader *reader = jpeg->client_data;
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    snarm_status status = status_of(jpeg->err->msg_code);
    reader->status = sn_error(status, "%s: %s JPEG file: %s", reader->file->name,
                              status == SNARM_ERROR_FORMAT ? "broken" : "unreadable", message);
    longjmp(reader->jump, 1);
}

/* libjpeg only warns where data is missing or damaged, and fills the gap with grey: no picture to judge a
 * part by. Warnings about the labels of whole data are passed over. Levels from 0 up are traces. */
static void on_message(j_common_ptr jpeg, int level) {
    if (level < 0 && jpeg->err->msg_code != JWRN_ADOBE_XFORM && jpeg->err->msg_code != JWRN_JFIF_MAJOR)
        on_error(jpeg);
}

/* A small file can claim thousands of progressive scans over a large picture, each of which costs seconds. */
enum { SCANS_MAX = 500 };

static void on_progress(j_common_ptr common) {
    jpeg_reader *reader = common->client_data;
    if (reader->jpeg.input_scan_number <= SCANS_MAX)
        return;
    reader->status = sn_error(SNARM_ERROR_UNSUPPORTED, "%s: JPEG file with more than %d scans",
                              reader->file->name, (int)SCANS_MAX);
    longjmp(reader->jump, 1);
}

/* Samples count the paper left white, as Adobe's programs write them and other readers assume for every file.
 */
static void inks_to_rgb(uint8_t *rgb, const uint8_t *inks, int32_t width) {
    for (int32_t x = 0; x < width; x++, rgb += 3, inks += 4)
        for (int c = 0; c < 3; c++)
            rgb[c] = (uint8_t)((inks[c] * inks[3] + 127) / 255);
}

static snarm_status choose_output(jpeg_reader *reader, snarm_pixel_format *format) {
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    *format = SNARM_RGB8;
    switch (jpeg->jpeg_color_space) {
    case JCS_GRAYSCALE:
        *format = SNARM_GREY8;
        jpeg->out_color_space = JCS_GRAYSCALE;
        return SNARM_OK;
    case JCS_RGB:
    case JCS_YCbCr:
        jpeg->out_color_space = JCS_RGB;
        return SNARM_OK;
    case JCS_CMYK:
    case JCS_YCCK:
        jpeg->out_color_space = JCS_CMYK;
        return sn_alloc(&reader->inks, jpeg->image_width, 4, reader->file->name);
    default:
        return sn_error(SNARM_ERROR_UNSUPPORTED, "%s: JPEG file with %d components, expected 1, 3 or 4",
                        reader->file->name, jpeg->num_components);
    }
}

static int find_orientation(const jpeg_reader *reader) {
    static const char mark[6] = "Exif\0";
    for (jpeg_saved_marker_ptr marker = reader->jpeg.marker_list; marker != NULL; marker = marker->next)
        if (marker->marker == JPEG_APP0 + 1 && marker->data_length >= sizeof mark &&
            memcmp(marker->data, mark, sizeof mark) == 0)
            return sn_exif_orientation(marker->data + sizeof mark, marker->data_length - sizeof mark);
    return 1;
}

static snarm_status read_picture(jpeg_reader *reader) {
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    if (setjmp(reader->jump) != 0)
        return reader->status;
    jpeg_create_decompress(&reader->jpeg);
    reader->jpeg.progress = &reader->progress;
    jpeg_mem_src(&reader->jpeg, reader->file->bytes, (unsigned long)reader->file->size);
    jpeg_save_markers(&reader->jpeg, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&reader->jpeg, TRUE);
    SN_TRY(sn_image_check_limits(reader->file, jpeg->image_width, jpeg->image_height));
    snarm_pixel_format format;
    SN_TRY(choose_output(reader, &format));
    jpeg_start_decompress(&reader->jpeg);
    SN_TRY(sn_image_allocate(&reader->image, (int32_t)jpeg->output_width, (int32_t)jpeg->output_height,
                             format, reader->file->name));
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *row = (uint8_t *)reader->image.owned + jpeg->output_scanline * reader->image.stride;
        JSAMPROW target = reader->inks != NULL ? reader->inks : row;
        jpeg_read_scanlines(&reader->jpeg, &target, 1);
        if (reader->inks != NULL)
            inks_to_rgb(row, reader->inks, reader->image.width);
    }
    reader->orientation = find_orientation(reader); /* finishing frees the markers */
    jpeg_finish_decompress(&reader->jpeg);
    return SNARM_OK;
}

snarm_status sn_jpeg_decode(snarm_image *out, int *orientation, const sn_image_file *file) {
    jpeg_reader reader = {.file = file};
    reader.jpeg.err = jpeg_std_error(&reader.errors);
    reader.jpeg.client_data = &reader;
    reader.errors.error_exit = on_error;
    reader.errors.emit_message = on_message;
    reader.progress.progress_monitor = on_progress;
    snarm_status status = read_picture(&reader);
    if (status == SNARM_OK) {
        *orientation = reader.orientation;
        *out = reader.image;
    } else {
        snarm_image_release(&reader.image);
    }
    sn_free(reader.inks);
    jpeg_destroy_decompress(&reader.jpeg);
    return status;
}
