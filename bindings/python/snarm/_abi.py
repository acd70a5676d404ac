"""The structures and callback types of the C interface, as ctypes sees them, and nothing else.

Written after include/snarm/*.h, in the order of snarm.h and under the same names, so that a new field there is one new line
here (and one in the dataclass that shows it). tests/test_headers.py compiles the headers and compares every size and offset.
"""

from __future__ import annotations

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_ssize_t,
    c_uint8,
    c_uint64,
    c_void_p,
)

from ._constants import LAYERS_MAX

# Pointers to numbers, and to the place where a function puts a handle. Opaque handles themselves are c_void_p.
float_p = POINTER(c_float)
uint8_p = POINTER(c_uint8)
int32_p = POINTER(c_int32)
size_p = POINTER(c_size_t)
handle_p = POINTER(c_void_p)


# status.h
snarm_progress_fn = CFUNCTYPE(c_int, c_void_p, c_char_p, c_uint64, c_uint64)


# image.h
class snarm_image(Structure):
    _fields_ = [
        ("pixels", uint8_p),
        ("width", c_int32),
        ("height", c_int32),
        ("stride", c_ssize_t),
        ("format", c_int),
        ("owned", c_void_p),
    ]


class snarm_image_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("max_pixels", c_int64),
        ("max_side", c_int32),
        ("ignore_exif", c_int32),
    ]


class snarm_preprocess(Structure):
    _fields_ = [
        ("resize_width", c_int32),
        ("resize_height", c_int32),
        ("width", c_int32),
        ("height", c_int32),
        ("mean", c_float * 3),
        ("std", c_float * 3),
    ]


# depth.h
class snarm_depth(Structure):
    _fields_ = [("points", float_p), ("width", c_int32), ("height", c_int32)]


class snarm_relief_options(Structure):
    _fields_ = [("struct_size", c_size_t), ("range", c_double), ("background", c_double)]


# backbone.h
class snarm_backbone_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("width", c_int32),
        ("height", c_int32),
        ("layers", c_int32 * LAYERS_MAX),
        ("layer_count", c_int32),
        ("groups", c_int32),
        ("channels", c_int32),
        ("neighbourhood", c_int32),
        ("threads", c_int32),
        ("reserved", c_int32),
        ("precision", c_int32),
    ]


class snarm_backbone_info(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("architecture", c_char_p),
        ("hash", c_char_p),
        ("licence", c_char_p),
        ("width", c_int32),
        ("height", c_int32),
        ("grid_width", c_int32),
        ("grid_height", c_int32),
        ("channels", c_int32),
        ("pooled", c_int32),
        ("layer_count", c_int32),
        ("layers", c_int32 * LAYERS_MAX),
        ("groups", c_int32),
        ("neighbourhood", c_int32),
        ("threads", c_int32),
        ("mean", c_float * 3),
        ("std", c_float * 3),
        ("precision", c_int32),
        ("precision_note", c_char_p),
        ("name", c_char_p),
        ("stage_count", c_int32),
        ("stage_channels", c_int32 * LAYERS_MAX),
    ]


# bank.h
class snarm_bank_options(Structure):
    _fields_ = [("struct_size", c_size_t), ("threads", c_int32), ("exact", c_int32), ("precision", c_int32)]


class snarm_bank_search_info(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("axes", c_int32),
        ("recall", c_double),
        ("precision", c_int32),
        ("cells", c_int32),
        ("probes", c_int32),
        ("precision_note", c_char_p),
    ]


class snarm_coreset_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("projection", c_int32),
        ("seed", c_uint64),
        ("threads", c_int32),
        ("progress", snarm_progress_fn),
        ("progress_user", c_void_p),
    ]


# residual.h
class snarm_residual_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("patches", c_int32),
        ("channels", c_int32),
        ("neighbours", c_int32),
        ("reference_ratio", c_double),
        ("scale", c_double),
        ("threads", c_int32),
    ]


# scorer.h
class snarm_scorer_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("grid_width", c_int32),
        ("grid_height", c_int32),
        ("reference_ratio", c_double),
        ("threads", c_int32),
        ("reserved", c_int32),
        ("precision", c_int32),
        ("coverage", float_p),
    ]


class snarm_scorer_info(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("grid_width", c_int32),
        ("grid_height", c_int32),
        ("channels", c_int32),
        ("embedding", c_int32),
        ("branches", c_int32),
        ("scans", c_int32),
        ("depth", c_int32),
        ("maps", c_int32),
        ("reference_ratio", c_double),
        ("residual_scale", c_double),
        ("neighbours", c_int32),
        ("prior_slope", c_double),
        ("prior_centre", c_double),
        ("precision", c_int32),
        ("precision_note", c_char_p),
        ("prior_border", c_double),
        ("prior_stages", c_int32),
    ]


# train.h
class snarm_train_report(Structure):
    _fields_ = [
        ("step", c_int64),
        ("steps", c_int64),
        ("best_step", c_int64),
        ("loss", c_double),
        ("pixel_ap", c_double),
        ("best_pixel_ap", c_double),
        ("untrained_pixel_ap", c_double),
        ("image_auroc", c_double),
        ("untrained_image_auroc", c_double),
        ("seconds", c_double),
        ("seconds_left", c_double),
        ("cancelled", c_int32),
    ]


snarm_train_progress_fn = CFUNCTYPE(c_int, c_void_p, POINTER(snarm_train_report))


class snarm_train_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("steps", c_int64),
        ("batch", c_int32),
        ("samples", c_int32),
        ("memory", c_int64),
        ("embedding", c_int32),
        ("depth", c_int32),
        ("reference_ratio", c_double),
        ("learning_rate", c_double),
        ("weight_decay", c_double),
        ("dropout", c_double),
        ("shuffled", c_double),
        ("seed", c_uint64),
        ("threads", c_int32),
        ("checkpoint", c_char_p),
        ("progress", snarm_train_progress_fn),
        ("progress_user", c_void_p),
        ("coverage", float_p),
        ("stage_count", c_int32),
        ("stage_channels", int32_p),
    ]


class snarm_train_sample(Structure):
    _fields_ = [
        ("features", float_p),
        ("mask", uint8_p),
        ("image", c_int32),
        ("held_out", c_int32),
    ]


train_load_fn = CFUNCTYPE(c_int, c_void_p, c_size_t, POINTER(snarm_train_sample))
train_release_fn = CFUNCTYPE(None, c_void_p, POINTER(snarm_train_sample))


class snarm_train_source(Structure):
    _fields_ = [
        ("count", c_size_t),
        ("grid_width", c_int32),
        ("grid_height", c_int32),
        ("mask_width", c_int32),
        ("mask_height", c_int32),
        ("load", train_load_fn),
        ("release", train_release_fn),
        ("user", c_void_p),
    ]


# detector.h
image_load_fn = CFUNCTYPE(c_int, c_void_p, c_size_t, POINTER(snarm_image))
image_release_fn = CFUNCTYPE(None, c_void_p, POINTER(snarm_image))


class snarm_image_source(Structure):
    _fields_ = [
        ("count", c_size_t),
        ("load", image_load_fn),
        ("release", image_release_fn),
        ("user", c_void_p),
    ]


depth_load_fn = CFUNCTYPE(c_int, c_void_p, c_size_t, POINTER(snarm_depth))
depth_release_fn = CFUNCTYPE(None, c_void_p, POINTER(snarm_depth))


class snarm_depth_source(Structure):
    _fields_ = [
        ("count", c_size_t),
        ("load", depth_load_fn),
        ("release", depth_release_fn),
        ("user", c_void_p),
    ]


class snarm_fit_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("width", c_int32),
        ("height", c_int32),
        ("resize_width", c_int32),
        ("resize_height", c_int32),
        ("layers", c_int32 * LAYERS_MAX),
        ("layer_count", c_int32),
        ("groups", c_int32),
        ("channels", c_int32),
        ("neighbourhood", c_int32),
        ("bank_size", c_int64),
        ("neighbours", c_int32),
        ("smoothing", c_double),
        ("false_alarm_rate", c_double),
        ("seed", c_uint64),
        ("feature_memory", c_int64),
        ("threads", c_int32),
        ("scorer_path", c_char_p),
        ("progress", snarm_progress_fn),
        ("progress_user", c_void_p),
        ("train", POINTER(snarm_train_options)),
        ("textures", POINTER(snarm_image_source)),
        ("search", c_int32),
        ("tile_width", c_int32),
        ("tile_height", c_int32),
        ("tile_overlap", c_int32),
        ("depths", POINTER(snarm_depth_source)),
        ("depth_weight", c_double),
        ("precision", c_int32),
        ("even_light", c_double),
        ("both_lights", c_int32),
        ("map_contrast", c_double),
    ]


class snarm_detector_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("threads", c_int32),
        ("exact", c_int32),
        ("precision", c_int32),
        ("pin", c_int32),
    ]


class snarm_result(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("score", c_float),
        ("threshold", c_float),
        ("normalized", c_float),
        ("anomalous", c_int32),
        ("map_max", c_float),
        ("map_x", c_int32),
        ("map_y", c_int32),
        ("x", c_double),
        ("y", c_double),
        ("preprocess_ms", c_double),
        ("backbone_ms", c_double),
        ("match_ms", c_double),
        ("scorer_ms", c_double),
        ("map_ms", c_double),
        ("map_threshold", c_float),
    ]


class snarm_detector_info(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("backbone", POINTER(snarm_backbone_info)),
        ("preprocess", snarm_preprocess),
        ("bank_count", c_size_t),
        ("image_count", c_int32),
        ("neighbours", c_int32),
        ("has_scorer", c_int32),
        ("smoothing", c_double),
        ("false_alarm_rate", c_double),
        ("threshold", c_float),
        ("score_low", c_float),
        ("seed", c_uint64),
        ("threads", c_int32),
        ("format_version", c_int32),
        ("library_version", c_char_p),
        ("map_threshold", c_float),
        ("score_share", c_double),
        ("tile_width", c_int32),
        ("tile_height", c_int32),
        ("tile_overlap", c_int32),
        ("tile_columns", c_int32),
        ("tile_rows", c_int32),
        ("has_depth", c_int32),
        ("channels", c_int32),
        ("depth_range", c_double),
        ("depth_background", c_double),
        ("depth_weight", c_double),
        ("score_first_stage", c_double),
        ("light", c_double),
        ("light_share", c_double),
        ("both_lights", c_int32),
        ("map_contrast", c_double),
        ("score_window", c_int32),
        ("score_floor", c_double),
        ("usual_floor", c_double),
    ]


# pipeline.h
class snarm_pipeline_source(Structure):
    _fields_ = [
        ("load", CFUNCTYPE(c_int, c_void_p, c_size_t, POINTER(snarm_image), POINTER(snarm_depth))),
        ("release", CFUNCTYPE(None, c_void_p, c_size_t, POINTER(snarm_image), POINTER(snarm_depth))),
        ("user", c_void_p),
    ]


class snarm_pipeline_item(Structure):
    _fields_ = [
        ("index", c_size_t),
        ("status", c_int),
        ("error", c_char_p),
        ("image", POINTER(snarm_image)),
        ("depth", POINTER(snarm_depth)),
        ("result", POINTER(snarm_result)),
        ("map", float_p),
        ("load_ms", c_double),
    ]


snarm_pipeline_sink_fn = CFUNCTYPE(c_int, c_void_p, POINTER(snarm_pipeline_item))


class snarm_pipeline_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("workers", c_int32),
        ("ahead", c_int32),
        ("loaders", c_int32),
        ("no_map", c_int32),
    ]


# metrics.h
class snarm_score_metrics(Structure):
    _fields_ = [
        ("auroc", c_double),
        ("average_precision", c_double),
        ("f1_max", c_double),
        ("f1_max_threshold", c_double),
        ("positives", c_uint64),
        ("negatives", c_uint64),
    ]


class snarm_curve_point(Structure):
    _fields_ = [("threshold", c_float), ("true_positives", c_uint64), ("false_positives", c_uint64)]


class snarm_curve(Structure):
    _fields_ = [
        ("points", POINTER(snarm_curve_point)),
        ("count", c_size_t),
        ("positives", c_uint64),
        ("negatives", c_uint64),
    ]


class snarm_pixel_metrics_options(Structure):
    _fields_ = [("struct_size", c_size_t), ("fpr_limit", c_double), ("threads", c_int32)]


class snarm_pixel_metrics_result(Structure):
    _fields_ = [
        ("pixels", snarm_score_metrics),
        ("aupro", c_double),
        ("regions", c_uint64),
        ("images", c_uint64),
    ]


# dataset.h
class snarm_dataset_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("layout", c_int32),
        ("allow_missing_masks", c_int32),
    ]


class snarm_sample(Structure):
    _fields_ = [
        ("path", c_char_p),
        ("defect", c_char_p),
        ("mask", c_char_p),
        ("depth", c_char_p),
        ("anomalous", c_int32),
    ]


# report.h
class snarm_heatmap_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("low", c_float),
        ("high", c_float),
        ("threshold", c_float),
        ("opacity", c_double),
    ]


class snarm_report_options(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("title", c_char_p),
        ("threshold", c_float),
        ("map_threshold", c_float),
        ("max_bytes", c_int64),
        ("picture_side", c_int32),
    ]


class snarm_report_sample(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("name", c_char_p),
        ("category", c_char_p),
        ("defect", c_char_p),
        ("image", POINTER(snarm_image)),
        ("map", float_p),
        ("map_width", c_int32),
        ("map_height", c_int32),
        ("mask", uint8_p),
        ("mask_width", c_int32),
        ("mask_height", c_int32),
        ("score", c_float),
        ("normalized", c_float),
        ("anomalous", c_int32),
    ]
