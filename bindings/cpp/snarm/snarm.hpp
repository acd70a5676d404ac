/* libsnarm for C++17 and later: the C interface with handles that destroy themselves, exceptions, spans and
 * std::function. One header, nothing to link but the C library; docs/cpp.md shows how it is used.
 *
 *     snarm::detector detector = snarm::detector::load("part.snarm");
 *     std::vector<float> map(detector.map_size());
 *     snarm_result result = detector.inspect(snarm::image::load("part.png"), map);
 *
 * What a call does, and the ranges and defaults of its options, is said where the C function of the same name
 * is declared: snarm::bank::search is snarm_bank_search. Here stands only what differs:
 *
 *   failures   are thrown as snarm::error, with the status and the library's sentence
 *   handles    (backbone, bank, residual, scorer, detector, dataset, image_list, pixel_metrics, report) own
 *              theirs and can be moved, not copied. get() lends the C handle, release() gives it away; a
 *              moved-from one is empty, which every call refuses with snarm::error
 *   views      (backbone_view, bank_view, residual_view, scorer_view) own nothing and can be copied: the parts
 *              of a detector, valid as long as it. Each handle is also a view
 *   options    and results are the C structures; snarm::defaults<snarm_fit_options>() gives one that is ready
 *   arrays     are spans, whose sizes are checked before the call: std::span where there is one, else
 *              snarm::span
 *   callbacks  are std::function. An exception that one throws ends the call and comes out of it as it was
 *   threads    what the C handles allow
 */
#ifndef SNARM_SNARM_HPP
#define SNARM_SNARM_HPP

#include "snarm/snarm.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>
#if __cplusplus >= 202002L && __has_include(<span>)
#include <span>
#endif

namespace snarm {

/* ---- errors ------------------------------------------------------------------------------------------ */

/* A call that failed; what() is the library's sentence, which names the function or file, the field and the
 * value. */
class error : public std::runtime_error {
  public:
    error(snarm_status status, const std::string &sentence) : std::runtime_error(sentence), status_(status) {
    }
    snarm_status status() const noexcept {
        return status_;
    }

  private:
    snarm_status status_;
};

/* Throws what the calling thread's last C call failed with; for C functions that are called directly. */
inline void check(snarm_status status) {
    if (status != SNARM_OK)
        throw error(status, snarm_last_error());
}

/* ---- spans ------------------------------------------------------------------------------------------- */

#if defined(__cpp_lib_span)
template <class T> using span = std::span<T>;
#else
/* A pointer and a number of elements that are another's, as std::span of C++20; only what is needed of it. */
template <class T> class span {
    template <class U> using same = std::enable_if_t<std::is_convertible_v<U (*)[], T (*)[]>>;

  public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;

    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {
    }
    template <std::size_t N> constexpr span(T (&array)[N]) noexcept : span(array, N) {
    }
    /* Anything with data() and size(): vectors, arrays, other spans. Temporaries only where they are read. */
    template <class C, class = same<std::remove_pointer_t<decltype(std::declval<C &>().data())>>>
    constexpr span(C &container) noexcept : span(container.data(), container.size()) {
    }
    template <class C, class = same<std::remove_pointer_t<decltype(std::declval<const C &>().data())>>>
    constexpr span(const C &container) noexcept : span(container.data(), container.size()) {
    }

    constexpr T *data() const noexcept {
        return data_;
    }
    constexpr std::size_t size() const noexcept {
        return size_;
    }
    constexpr bool empty() const noexcept {
        return size_ == 0;
    }
    constexpr T *begin() const noexcept {
        return data_;
    }
    constexpr T *end() const noexcept {
        return data_ + size_;
    }
    constexpr T &operator[](std::size_t index) const {
        return data_[index];
    }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};
#endif

/* ---- structures, callbacks --------------------------------------------------------------------------- */

/* A C structure as its header wants it before use: every option at its default, every other field zero. For
 * all structures that begin with struct_size: options, infos, snarm_result, snarm_report_sample. */
template <class T> T defaults() {
    static_assert(std::is_same_v<decltype(T::struct_size), std::size_t>);
    T structure{};
    structure.struct_size = sizeof structure;
    return structure;
}

/* Progress of a long call: true to go on, false to end it with a snarm::error of SNARM_ERROR_CANCELLED. */
using progress_function = std::function<bool(const char *stage, std::uint64_t done, std::uint64_t total)>;

/* Progress of a training: true to go on, false to end it early with the best weights so far, which is no
 * failure. */
using train_progress_function = std::function<bool(const snarm_train_report &report)>;

namespace detail {

[[noreturn]] inline void refuse(const char *function, const std::string &why) {
    throw error(SNARM_ERROR_ARGUMENT, std::string(function) + ": " + why);
}

/* The number of elements of an array with these sides. */
inline std::size_t product(const char *function, std::initializer_list<std::int64_t> sides) {
    std::size_t all = 1;
    for (std::int64_t side : sides) {
        if (side < 0)
            refuse(function, "a size is " + std::to_string(side));
        if (side != 0 && all > std::numeric_limits<std::size_t>::max() / static_cast<std::size_t>(side))
            refuse(function, "the sizes together are too large");
        all *= static_cast<std::size_t>(side);
    }
    return all;
}

inline void expect_size(const char *function, const char *name, std::size_t given, std::size_t expected) {
    if (given != expected)
        refuse(function, std::string(name) + " has " + std::to_string(given) + " elements, expected " +
                             std::to_string(expected));
}

/* The number of rows of a matrix with so many columns. */
inline std::size_t rows(const char *function, const char *name, std::size_t given, std::int32_t columns) {
    if (columns < 1 || given % static_cast<std::size_t>(columns) != 0)
        refuse(function, std::string(name) + " has " + std::to_string(given) +
                             " elements, expected a multiple of " + std::to_string(columns));
    return given / static_cast<std::size_t>(columns);
}

/* What callbacks threw must not pass through C: the first exception is kept, the call ended, and then it is
 * thrown on. */
class exceptions {
  public:
    template <class Call> bool keep(Call &&call) noexcept {
        if (first_)
            return false;
        try {
            return call();
        } catch (...) {
            first_ = std::current_exception();
            return false;
        }
    }
    void check(snarm_status status) const {
        if (first_)
            std::rethrow_exception(first_);
        snarm::check(status);
    }

  private:
    std::exception_ptr first_;
};

struct progress_call {
    const progress_function &function;
    exceptions &thrown;

    /* Sets the two fields of an option structure; an empty function leaves what is there. */
    template <class Options> void set(Options &options) {
        if (function) {
            options.progress = call;
            options.progress_user = this;
        }
    }
    static int call(void *user, const char *stage, std::uint64_t done, std::uint64_t total) {
        auto &self = *static_cast<progress_call *>(user);
        return self.thrown.keep([&] { return self.function(stage, done, total); }) ? 0 : 1;
    }
};

struct train_progress_call {
    const train_progress_function &function;
    exceptions &thrown;

    void set(snarm_train_options &options) {
        if (function) {
            options.progress = call;
            options.progress_user = this;
        }
    }
    static int call(void *user, const snarm_train_report *report) {
        auto &self = *static_cast<train_progress_call *>(user);
        return self.thrown.keep([&] { return self.function(*report); }) ? 0 : 1;
    }
};

/* A pointer to a C handle, not owned: what all views are. */
template <class C> class view {
  public:
    view() noexcept = default;
    explicit view(const C *handle) noexcept : handle_(handle) {
    }
    const C *get() const noexcept {
        return handle_;
    }
    explicit operator bool() const noexcept {
        return handle_ != nullptr;
    }

  protected:
    const C *handle_ = nullptr;
};

/* A view that owns what it points to. */
template <class View, class C, void (*Destroy)(C *)> class owner : public View {
  public:
    owner() noexcept = default;
    owner(const owner &) = delete;
    owner &operator=(const owner &) = delete;
    owner(owner &&other) noexcept : View(static_cast<const View &>(other)) {
        other.handle_ = nullptr;
    }
    owner &operator=(owner &&other) noexcept {
        if (this != &other) {
            Destroy(get());
            View::operator=(static_cast<const View &>(other));
            other.handle_ = nullptr;
        }
        return *this;
    }
    ~owner() {
        Destroy(get());
    }
    C *get() const noexcept {
        return const_cast<C *>(this->handle_); // it came as one that is not const
    }
    /* Gives the C handle away: the caller destroys it. */
    C *release() noexcept {
        C *handle = get();
        this->handle_ = nullptr;
        return handle;
    }

  protected:
    explicit owner(View handle) noexcept : View(handle) {
    }
};

} // namespace detail

/* ---- status.h ---------------------------------------------------------------------------------------- */

inline const char *version() noexcept {
    return snarm_version();
}
inline const char *status_name(snarm_status status) noexcept {
    return snarm_status_name(status);
}
inline int default_threads() noexcept {
    return snarm_default_threads();
}

/* ---- image.h ----------------------------------------------------------------------------------------- */

namespace detail {

inline std::size_t pixel_bytes(const char *function, snarm_pixel_format format) {
    switch (format) {
    case SNARM_GREY8:
        return 1;
    case SNARM_RGB8:
    case SNARM_BGR8:
        return 3;
    case SNARM_RGBA8:
        return 4;
    }
    refuse(function,
           "format is " + std::to_string(static_cast<int>(format)) + ", which is no snarm_pixel_format");
}

/* From the first byte of the lowest row in memory to the last byte of the highest. */
inline std::size_t buffer_size(const char *function, const snarm_image &image) {
    if (image.width < 1 || image.height < 1)
        refuse(function,
               "the picture is " + std::to_string(image.width) + "x" + std::to_string(image.height));
    const std::size_t row = static_cast<std::size_t>(image.width) * pixel_bytes(function, image.format);
    const std::ptrdiff_t step = image.stride == 0 ? static_cast<std::ptrdiff_t>(row) : image.stride;
    return product(function, {image.height - 1, step < 0 ? -step : step}) + row;
}

} // namespace detail

/* A picture in memory of the caller's, such as a camera's buffer; not copied, not owned.
 *   pixels  the buffer; larger is allowed. With a negative stride, for pictures stored from the bottom up,
 *           the top row is the last of the height rows in it */
inline snarm_image image_view(span<const std::uint8_t> pixels, std::int32_t width, std::int32_t height,
                              snarm_pixel_format format, std::ptrdiff_t stride = 0) {
    static const char function[] = "snarm::image_view";
    snarm_image image{};
    image.width = width;
    image.height = height;
    image.stride = stride;
    image.format = format;
    const std::size_t needed = detail::buffer_size(function, image);
    if (pixels.size() < needed)
        detail::refuse(function, "pixels has " + std::to_string(pixels.size()) + " bytes, at least " +
                                     std::to_string(needed) + " expected");
    image.pixels = pixels.data() + (stride < 0 ? (height - 1) * -stride : 0);
    return image;
}

/* A picture that is owned; passed wherever a const snarm_image & is taken. */
class image {
  public:
    /* No picture. */
    image() noexcept = default;
    /* A view, such as image_view gives: the pixels stay another's. */
    explicit image(const snarm_image &view) noexcept : image_(view) {
        image_.owned = nullptr;
    }
    /* Keeps the pixels. */
    image(std::vector<std::uint8_t> pixels, std::int32_t width, std::int32_t height,
          snarm_pixel_format format, std::ptrdiff_t stride = 0)
        : image_(image_view(pixels, width, height, format, stride)), pixels_(std::move(pixels)) {
    }
    image(const image &) = delete;
    image &operator=(const image &) = delete;
    image(image &&other) noexcept
        : image_(std::exchange(other.image_, snarm_image{})), pixels_(std::move(other.pixels_)) {
    }
    image &operator=(image &&other) noexcept {
        if (this != &other) {
            snarm_image_release(&image_);
            image_ = std::exchange(other.image_, snarm_image{});
            pixels_ = std::move(other.pixels_);
        }
        return *this;
    }
    ~image() {
        snarm_image_release(&image_);
    }

    /* What a C function filled: this releases it from now on. */
    static image adopt(const snarm_image &owned) noexcept {
        image adopted;
        adopted.image_ = owned;
        return adopted;
    }
    static image load(const std::string &path,
                      const snarm_image_options &options = defaults<snarm_image_options>()) {
        image loaded;
        check(snarm_image_load(&loaded.image_, path.c_str(), &options));
        return loaded;
    }
    /*   name  stands in error sentences; "": "image in memory" */
    static image decode(span<const std::uint8_t> bytes, const std::string &name = "",
                        const snarm_image_options &options = defaults<snarm_image_options>()) {
        image decoded;
        check(snarm_image_decode(&decoded.image_, bytes.data(), bytes.size(),
                                 name.empty() ? nullptr : name.c_str(), &options));
        return decoded;
    }

    const snarm_image &get() const noexcept {
        return image_;
    }
    operator const snarm_image &() const noexcept {
        return image_;
    }
    std::int32_t width() const noexcept {
        return image_.width;
    }
    std::int32_t height() const noexcept {
        return image_.height;
    }
    snarm_pixel_format format() const noexcept {
        return image_.format;
    }
    /* All bytes, from the lowest address on. */
    span<const std::uint8_t> pixels() const {
        if (image_.pixels == nullptr)
            return {};
        const std::size_t size = detail::buffer_size("snarm::image::pixels", image_);
        const std::ptrdiff_t above = image_.stride < 0 ? (image_.height - 1) * image_.stride : 0;
        return {image_.pixels + above, size};
    }
    void save_png(const std::string &path) const {
        check(snarm_image_save_png(&image_, path.c_str()));
    }

  private:
    snarm_image image_{};
    std::vector<std::uint8_t> pixels_;
};

/* How light a picture is, 0..1. */
inline double image_light(const snarm_image &image) {
    double light = 0;
    check(snarm_image_light(&image, &light));
    return light;
}

/*   rgb    empty: not wanted
 *   light  that the picture is brought to; 0: none
 *   share  how near, 0..1 */
inline void preprocess(const snarm_image &image, const snarm_preprocess &how, span<float> planes,
                       span<std::uint8_t> rgb = {}, double light = 0, double share = 1) {
    static const char function[] = "snarm::preprocess";
    const std::size_t size = detail::product(function, {3, how.height, how.width});
    detail::expect_size(function, "planes", planes.size(), size);
    if (!rgb.empty())
        detail::expect_size(function, "rgb", rgb.size(), size);
    std::uint8_t *const bytes = rgb.empty() ? nullptr : rgb.data();
    check(light == 0 ? snarm_image_preprocess(&image, &how, planes.data(), bytes)
                     : snarm_image_preprocess_light(&image, &how, light, share, planes.data(), bytes));
}

/* Pictures for a fit, each asked for possibly more than once and in any order, on the thread that fits. */
struct image_source {
    std::size_t count = 0;
    std::function<image(std::size_t index)> load;
};

namespace detail {

/* A source of the caller's as C's: what it gives is held until C releases it, found again by what it points to. */
template <class Source, class CSource, class CItem, auto Place> class source_call {
    using item = decltype(std::declval<const Source &>().load(0));

  public:
    source_call(const Source &source, exceptions &thrown) : source_(source), thrown_(thrown) {
    }
    CSource c() {
        return {source_.count, load, release, this};
    }

  private:
    static snarm_status load(void *user, std::size_t index, CItem *out) {
        auto &self = *static_cast<source_call *>(user);
        const bool loaded = self.thrown_.keep([&] {
            self.held_.push_back(self.source_.load(index));
            *out = self.held_.back().get();
            return true;
        });
        return loaded ? SNARM_OK : SNARM_ERROR_CANCELLED;
    }
    static void release(void *user, CItem *given) {
        auto &held = static_cast<source_call *>(user)->held_;
        const auto found = std::find_if(held.begin(), held.end(),
                                        [&](const item &one) { return one.get().*Place == given->*Place; });
        if (found != held.end())
            held.erase(found);
    }

    const Source &source_;
    exceptions &thrown_;
    std::vector<item> held_;
};
using image_source_call = source_call<image_source, snarm_image_source, snarm_image, &snarm_image::pixels>;

} // namespace detail

/* ---- depth.h ----------------------------------------------------------------------------------------- */

/* A depth picture that is owned. */
class depth {
  public:
    depth() noexcept = default;
    depth(const depth &) = delete;
    depth &operator=(const depth &) = delete;
    /*   points  (height, width, 3), kept */
    depth(std::vector<float> points, std::int32_t width, std::int32_t height) : points_(std::move(points)) {
        detail::expect_size("snarm::depth", "points", points_.size(),
                            detail::product("snarm::depth", {width, height, 3}));
        depth_.points = points_.data(), depth_.width = width, depth_.height = height;
    }
    depth(depth &&other) noexcept
        : depth_(std::exchange(other.depth_, snarm_depth{})), points_(std::move(other.points_)) {
    }
    depth &operator=(depth &&other) noexcept {
        std::swap(depth_, other.depth_);
        std::swap(points_, other.points_);
        return *this;
    }
    ~depth() {
        if (points_.empty())
            snarm_depth_release(&depth_);
    }

    /* What a C function filled: this releases it from now on. */
    static depth adopt(const snarm_depth &owned) noexcept {
        depth adopted;
        adopted.depth_ = owned;
        return adopted;
    }
    static depth load(const std::string &path,
                      const snarm_image_options &options = defaults<snarm_image_options>()) {
        depth loaded;
        check(snarm_depth_load(&loaded.depth_, path.c_str(), &options));
        return loaded;
    }

    const snarm_depth &get() const noexcept {
        return depth_;
    }
    operator const snarm_depth &() const noexcept {
        return depth_;
    }
    std::int32_t width() const noexcept {
        return depth_.width;
    }
    std::int32_t height() const noexcept {
        return depth_.height;
    }
    /* (height, width, 3) */
    span<float> points() noexcept {
        return {depth_.points, size()};
    }
    span<const float> points() const noexcept {
        return {depth_.points, size()};
    }

  private:
    std::size_t size() const noexcept {
        return static_cast<std::size_t>(depth_.width) * static_cast<std::size_t>(depth_.height) * 3;
    }
    snarm_depth depth_{};
    std::vector<float> points_; /* empty: the library's */
};

/*   point  3 values */
inline bool depth_is_hole(span<const float> point) {
    detail::expect_size("snarm::depth_is_hole", "point", point.size(), 3);
    return snarm_depth_is_hole(point.data()) != 0;
}

inline image depth_relief(const snarm_depth &depth,
                          const snarm_relief_options &options = defaults<snarm_relief_options>()) {
    snarm_image relief{};
    check(snarm_depth_relief(&relief, &depth, &options));
    return image::adopt(relief);
}

/* The depth pictures of an image_source, as many and in its order. */
struct depth_source {
    std::size_t count = 0;
    std::function<depth(std::size_t index)> load;
};

namespace detail {

using depth_source_call = source_call<depth_source, snarm_depth_source, snarm_depth, &snarm_depth::points>;

} // namespace detail

/* ---- backbone.h -------------------------------------------------------------------------------------- */

class backbone_view : public detail::view<snarm_backbone> {
  public:
    using view::view;

    snarm_backbone_info info() const {
        auto info = defaults<snarm_backbone_info>();
        check(snarm_backbone_get_info(handle_, &info));
        return info;
    }
    void features(span<const float> planes, span<float> features) const {
        static const char function[] = "snarm::backbone::features";
        const snarm_backbone_info is = info();
        detail::expect_size(function, "planes", planes.size(),
                            detail::product(function, {3, is.height, is.width}));
        detail::expect_size(function, "features", features.size(),
                            detail::product(function, {is.grid_height, is.grid_width, is.channels}));
        check(snarm_backbone_features(handle_, planes.data(), features.data()));
    }
    /* coverage (N): of each patch's neighbourhood mean, how much is of the picture. */
    void coverage(span<float> coverage) const {
        static const char function[] = "snarm::backbone::coverage";
        const snarm_backbone_info is = info();
        detail::expect_size(function, "coverage", coverage.size(), detail::product(function, {is.grid_height, is.grid_width}));
        check(snarm_backbone_coverage(handle_, coverage.data()));
    }
};

class backbone : public detail::owner<backbone_view, snarm_backbone, snarm_backbone_destroy> {
  public:
    backbone() noexcept = default;
    explicit backbone(snarm_backbone *owned) noexcept : owner(backbone_view(owned)) {
    }
    /*   path  a weights file; without it: the built-in network */
    static backbone create(const std::string &path = SNARM_BUILTIN_BACKBONE,
                           const snarm_backbone_options &options = defaults<snarm_backbone_options>()) {
        snarm_backbone *handle = nullptr;
        check(snarm_backbone_create(&handle, path.c_str(), &options));
        return backbone(handle);
    }
    static backbone create(const snarm_backbone_options &options) {
        return create(SNARM_BUILTIN_BACKBONE, options);
    }
};

/* ---- bank.h ------------------------------------------------------------------------------------------ */

struct bank_size {
    std::size_t count;     /* M */
    std::int32_t channels; /* C */
    std::int32_t images;
};

class bank_view : public detail::view<snarm_bank> {
  public:
    using view::view;

    bank_size size() const {
        bank_size size{};
        check(snarm_bank_get_size(handle_, &size.count, &size.channels, &size.images));
        return size;
    }
    /* (M, C), the bank's */
    span<const float> vectors() const {
        const bank_size is = size();
        const float *vectors = nullptr;
        check(snarm_bank_get_vectors(handle_, &vectors, nullptr));
        return {vectors, is.count * static_cast<std::size_t>(is.channels)};
    }
    /* (M), the bank's */
    span<const std::int32_t> images() const {
        const std::size_t count = size().count;
        const std::int32_t *images = nullptr;
        check(snarm_bank_get_vectors(handle_, nullptr, &images));
        return {images, count};
    }
    snarm_bank_search_info search_info() const {
        auto info = defaults<snarm_bank_search_info>();
        check(snarm_bank_get_search(handle_, &info));
        return info;
    }
    /*   distances, indices  empty: not wanted */
    void search(span<const float> queries, std::int32_t k, std::int32_t exclude, span<float> distances,
                span<std::int32_t> indices = {}) const {
        static const char function[] = "snarm::bank::search";
        const std::size_t count = detail::rows(function, "queries", queries.size(), size().channels);
        const std::size_t found = detail::product(function, {static_cast<std::int64_t>(count), k});
        if (!distances.empty())
            detail::expect_size(function, "distances", distances.size(), found);
        if (!indices.empty())
            detail::expect_size(function, "indices", indices.size(), found);
        check(snarm_bank_search(handle_, queries.data(), count, k, exclude,
                                distances.empty() ? nullptr : distances.data(),
                                indices.empty() ? nullptr : indices.data()));
    }
    void save(const std::string &path) const {
        check(snarm_bank_save(handle_, path.c_str()));
    }
};

class bank : public detail::owner<bank_view, snarm_bank, snarm_bank_destroy> {
  public:
    bank() noexcept = default;
    explicit bank(snarm_bank *owned) noexcept : owner(bank_view(owned)) {
    }
    /*   images  empty: every vector from an image of its own */
    static bank create(span<const float> vectors, std::int32_t channels, span<const std::int32_t> images = {},
                       const snarm_bank_options &options = defaults<snarm_bank_options>()) {
        static const char function[] = "snarm::bank::create";
        const std::size_t count = detail::rows(function, "vectors", vectors.size(), channels);
        if (!images.empty())
            detail::expect_size(function, "images", images.size(), count);
        snarm_bank *handle = nullptr;
        check(snarm_bank_create(&handle, vectors.data(), images.empty() ? nullptr : images.data(), count,
                                channels, &options));
        return bank(handle);
    }
    /* snarm::bank::merge({first, second}) */
    static bank merge(const std::vector<bank_view> &banks,
                      const snarm_bank_options &options = defaults<snarm_bank_options>()) {
        std::vector<const snarm_bank *> handles;
        for (const bank_view &one : banks)
            handles.push_back(one.get());
        snarm_bank *handle = nullptr;
        check(snarm_bank_merge(&handle, handles.data(), handles.size(), &options));
        return bank(handle);
    }
    static bank add(const bank_view &to, span<const float> vectors, span<const std::int32_t> images = {},
                    const snarm_bank_options &options = defaults<snarm_bank_options>()) {
        static const char function[] = "snarm::bank::add";
        const std::size_t count = detail::rows(function, "vectors", vectors.size(), to.size().channels);
        if (!images.empty())
            detail::expect_size(function, "images", images.size(), count);
        snarm_bank *handle = nullptr;
        check(snarm_bank_add(&handle, to.get(), vectors.data(), images.empty() ? nullptr : images.data(),
                             count, &options));
        return bank(handle);
    }
    static bank load(const std::string &path,
                     const snarm_bank_options &options = defaults<snarm_bank_options>()) {
        snarm_bank *handle = nullptr;
        check(snarm_bank_load(&handle, path.c_str(), &options));
        return bank(handle);
    }
    /*   images  empty: no query passes anything over */
    void tune(span<const float> queries, span<const std::int32_t> images, std::int32_t k, double recall) {
        static const char function[] = "snarm::bank::tune";
        const std::size_t count = detail::rows(function, "queries", queries.size(), size().channels);
        if (!images.empty())
            detail::expect_size(function, "images", images.size(), count);
        check(snarm_bank_tune(get(), queries.data(), images.empty() ? nullptr : images.data(), count, k,
                              recall));
    }
};

/* The indices that were chosen, in the order of choice.
 *   progress  if not empty, takes the place of that of the options */
inline std::vector<std::size_t>
coreset_select(span<const float> vectors, std::int32_t channels, std::size_t target,
               const snarm_coreset_options &options = defaults<snarm_coreset_options>(),
               const progress_function &progress = nullptr) {
    const std::size_t count = detail::rows("snarm::coreset_select", "vectors", vectors.size(), channels);
    std::vector<std::size_t> selected(std::min(count, target));
    detail::exceptions thrown;
    detail::progress_call call{progress, thrown};
    snarm_coreset_options own = options;
    call.set(own);
    std::size_t chosen = 0;
    thrown.check(
        snarm_coreset_select(vectors.data(), count, channels, target, &own, selected.data(), &chosen));
    selected.resize(chosen);
    return selected;
}

/* ---- residual.h -------------------------------------------------------------------------------------- */

class residual_view : public detail::view<snarm_residual> {
  public:
    residual_view() noexcept = default;
    /* The C handle does not tell its sizes: they are those it was created with. */
    residual_view(const snarm_residual *handle, std::int32_t patches, std::int32_t channels) noexcept
        : view(handle), patches_(patches), channels_(channels) {
    }
    std::int32_t patches() const noexcept {
        return patches_;
    }
    std::int32_t channels() const noexcept {
        return channels_;
    }
    /*   exclude  -1: none */
    void inter(const bank_view &bank, span<const float> features, std::int32_t exclude,
               span<float> inter) const {
        static const char function[] = "snarm::residual::inter";
        const std::size_t size = detail::product(function, {patches_, channels_});
        detail::expect_size(function, "features", features.size(), size);
        detail::expect_size(function, "inter", inter.size(), size);
        check(snarm_residual_inter(handle_, bank.get(), features.data(), exclude, inter.data()));
    }
    /*   navigator  empty: not wanted */
    void hybrid(span<const float> features, span<const float> inter, span<float> hybrid,
                span<std::uint8_t> reference, span<float> navigator = {}) const {
        static const char function[] = "snarm::residual::hybrid";
        const std::size_t size = detail::product(function, {patches_, channels_});
        const std::size_t patches = static_cast<std::size_t>(patches_);
        detail::expect_size(function, "features", features.size(), size);
        detail::expect_size(function, "inter", inter.size(), size);
        detail::expect_size(function, "hybrid", hybrid.size(), 2 * size);
        detail::expect_size(function, "reference", reference.size(), patches);
        if (!navigator.empty())
            detail::expect_size(function, "navigator", navigator.size(), patches);
        check(snarm_residual_hybrid(handle_, features.data(), inter.data(), hybrid.data(), reference.data(),
                                    navigator.empty() ? nullptr : navigator.data()));
    }

  private:
    std::int32_t patches_ = 0, channels_ = 0;
};

class residual : public detail::owner<residual_view, snarm_residual, snarm_residual_destroy> {
  public:
    residual() noexcept = default;
    residual(snarm_residual *owned, std::int32_t patches, std::int32_t channels) noexcept
        : owner(residual_view(owned, patches, channels)) {
    }
    /*   options  patches and channels must be set */
    static residual create(span<const float> weight, float bias, const snarm_residual_options &options) {
        static const char function[] = "snarm::residual::create";
        detail::expect_size(function, "weight", weight.size(), detail::product(function, {options.channels}));
        snarm_residual *handle = nullptr;
        check(snarm_residual_create(&handle, weight.data(), bias, &options));
        return residual(handle, options.patches, options.channels);
    }
};

/* ---- scorer.h ---------------------------------------------------------------------------------------- */

struct navigator {
    span<const float> weight; /* (C), the scorer's */
    float bias;
};

class scorer_view : public detail::view<snarm_scorer> {
  public:
    using view::view;

    snarm_scorer_info info() const {
        auto info = defaults<snarm_scorer_info>();
        check(snarm_scorer_get_info(handle_, &info));
        return info;
    }
    snarm::navigator navigator() const {
        const float *weight = nullptr;
        float bias = 0;
        check(snarm_scorer_navigator(handle_, &weight, &bias));
        return {{weight, static_cast<std::size_t>(info().channels)}, bias};
    }
    void logits(span<const float> hybrid, span<const std::uint8_t> reference, span<float> logits) const {
        static const char function[] = "snarm::scorer::logits";
        const snarm_scorer_info is = info();
        const std::size_t patches = detail::product(function, {is.grid_width, is.grid_height});
        const std::size_t channels = static_cast<std::size_t>(is.channels);
        detail::expect_size(function, "hybrid", hybrid.size(), 2 * patches * channels);
        detail::expect_size(function, "reference", reference.size(), patches);
        detail::expect_size(function, "logits", logits.size(), patches * static_cast<std::size_t>(is.maps));
        check(snarm_scorer_logits(handle_, hybrid.data(), reference.data(), logits.data()));
    }
    void add_prior(span<const float> distances, span<float> logits) const {
        static const char function[] = "snarm::scorer::add_prior";
        const snarm_scorer_info is = info();
        const std::size_t patches = detail::product(function, {is.grid_width, is.grid_height});
        detail::expect_size(function, "distances", distances.size(), patches);
        detail::expect_size(function, "logits", logits.size(), patches * static_cast<std::size_t>(is.maps));
        check(snarm_scorer_add_prior(handle_, distances.data(), logits.data()));
    }
};

class scorer : public detail::owner<scorer_view, snarm_scorer, snarm_scorer_destroy> {
  public:
    scorer() noexcept = default;
    explicit scorer(snarm_scorer *owned) noexcept : owner(scorer_view(owned)) {
    }
    /*   options  grid_width and grid_height must be set */
    static scorer create(const std::string &path, const snarm_scorer_options &options) {
        snarm_scorer *handle = nullptr;
        check(snarm_scorer_create(&handle, path.c_str(), &options));
        return scorer(handle);
    }
};

/* ---- map.h ------------------------------------------------------------------------------------------- */

/*   threads  0: default_threads() */
inline void map_from_logits(span<const float> logits, std::int32_t maps, std::int32_t grid_width,
                            std::int32_t grid_height, std::int32_t width, std::int32_t height,
                            span<float> map, std::int32_t threads = 0) {
    static const char function[] = "snarm::map_from_logits";
    detail::expect_size(function, "logits", logits.size(),
                        detail::product(function, {maps, grid_height, grid_width}));
    detail::expect_size(function, "map", map.size(), detail::product(function, {height, width}));
    check(snarm_map_from_logits(logits.data(), maps, grid_width, grid_height, width, height, threads,
                                map.data()));
}

inline void map_from_patches(span<const float> patches, std::int32_t grid_width, std::int32_t grid_height,
                             std::int32_t width, std::int32_t height, span<float> map,
                             std::int32_t threads = 0) {
    static const char function[] = "snarm::map_from_patches";
    detail::expect_size(function, "patches", patches.size(),
                        detail::product(function, {grid_height, grid_width}));
    detail::expect_size(function, "map", map.size(), detail::product(function, {height, width}));
    check(
        snarm_map_from_patches(patches.data(), grid_width, grid_height, width, height, threads, map.data()));
}

inline void map_smooth(span<float> map, std::int32_t width, std::int32_t height, double sigma,
                       std::int32_t threads = 0) {
    static const char function[] = "snarm::map_smooth";
    detail::expect_size(function, "map", map.size(), detail::product(function, {height, width}));
    check(snarm_map_smooth(map.data(), width, height, sigma, threads));
}

inline void map_contrast(span<float> map, std::int32_t width, std::int32_t height, bool probabilities, double factor,
                         std::int32_t threads = 0) {
    static const char function[] = "snarm::map_contrast";
    detail::expect_size(function, "map", map.size(), detail::product(function, {height, width}));
    check(snarm_map_contrast(map.data(), width, height, probabilities ? 1 : 0, factor, threads));
}

struct map_peak {
    float score;
    std::int32_t x, y; /* the centre of its window, pixels of the map */
};

inline map_peak map_score(span<const float> map, std::int32_t width, std::int32_t height) {
    static const char function[] = "snarm::map_score";
    detail::expect_size(function, "map", map.size(), detail::product(function, {height, width}));
    map_peak peak{};
    check(snarm_map_score(map.data(), width, height, &peak.score, &peak.x, &peak.y));
    return peak;
}

inline void map_resize(span<const float> map, std::int32_t width, std::int32_t height, span<float> dst,
                       std::int32_t dst_width, std::int32_t dst_height) {
    static const char function[] = "snarm::map_resize";
    detail::expect_size(function, "map", map.size(), detail::product(function, {height, width}));
    detail::expect_size(function, "dst", dst.size(), detail::product(function, {dst_height, dst_width}));
    check(snarm_map_resize(map.data(), width, height, dst.data(), dst_width, dst_height));
}

/* ---- train.h ----------------------------------------------------------------------------------------- */

/* One sample; what the spans point to stays valid until the next sample is asked for, or the call ends. */
struct train_sample {
    span<const float> features;    /* (grid_height * grid_width, C) */
    span<const std::uint8_t> mask; /* (mask_height, mask_width); empty: a good picture */
    std::int32_t image = -1;
    bool held_out = false;
};

/* Samples, each asked for once and in order, on the thread that trains. */
struct train_source {
    std::size_t count = 0;
    std::int32_t grid_width = 0, grid_height = 0, mask_width = 0, mask_height = 0;
    std::function<train_sample(std::size_t index)> load;
};

namespace detail {

struct train_source_call {
    const train_source &source;
    std::int32_t channels;
    exceptions &thrown;

    snarm_train_source c() {
        return {source.count,
                source.grid_width,
                source.grid_height,
                source.mask_width,
                source.mask_height,
                load,
                nullptr,
                this};
    }
    static snarm_status load(void *user, std::size_t index, snarm_train_sample *out) {
        auto &self = *static_cast<train_source_call *>(user);
        return self.thrown.keep([&] { return self.fill(index, *out); }) ? SNARM_OK : SNARM_ERROR_CANCELLED;
    }
    bool fill(std::size_t index, snarm_train_sample &out) const {
        static const char function[] = "snarm::train_scorer";
        const train_sample sample = source.load(index);
        expect_size(function, "features", sample.features.size(),
                    product(function, {source.grid_height, source.grid_width, channels}));
        if (!sample.mask.empty())
            expect_size(function, "mask", sample.mask.size(),
                        product(function, {source.mask_height, source.mask_width}));
        out.features = sample.features.data();
        out.mask = sample.mask.empty() ? nullptr : sample.mask.data();
        out.image = sample.image;
        out.held_out = sample.held_out ? 1 : 0;
        return true;
    }
};

} // namespace detail

/* If progress is not empty it takes the place of that of the options. An exception from it ends the training,
 * is thrown on, and leaves the scorer file with the best weights so far, as ending it early does. */
inline snarm_train_report train_scorer(const std::string &path, const bank_view &bank,
                                       const train_source &source, std::int32_t neighbours = 0,
                                       double smoothing = 0,
                                       const snarm_train_options &options = defaults<snarm_train_options>(),
                                       const train_progress_function &progress = nullptr) {
    detail::exceptions thrown;
    detail::train_source_call samples{source, bank.size().channels, thrown};
    const snarm_train_source c_source = samples.c();
    detail::train_progress_call call{progress, thrown};
    snarm_train_options own = options;
    call.set(own);
    snarm_train_report report{};
    thrown.check(
        snarm_train_scorer(path.c_str(), bank.get(), &c_source, neighbours, smoothing, &own, &report));
    return report;
}

/* ---- detector.h -------------------------------------------------------------------------------------- */

/* What a fit calls. Each that is not empty takes the place of what the options hold. */
struct fit_callbacks {
    progress_function progress{};
    train_progress_function training{}; /* called only where options.train is set */
    image_source textures{};            /* count 0: none */
    depth_source depths{};              /* count 0: none */
};

/* Pictures for detector::inspect_many, each asked for once and in order, on a thread of its own (several at the same time with
 * snarm_pipeline_options.loaders). A snarm::error is that picture's failure, and the others go on; any other exception ends the run
 * and is thrown on. */
struct pipeline_source {
    std::function<image(std::size_t index)> load;         /* an empty image: there are no more */
    std::function<depth(std::size_t index)> load_depth{}; /* of a detector that takes depth pictures */
};

/* Receives each picture's result in order, on the calling thread: true to go on, false to end the run, which is no failure. */
using pipeline_sink = std::function<bool(const snarm_pipeline_item &item)>;

namespace detail {

class pipeline_call {
  public:
    pipeline_call(const pipeline_source *source, const pipeline_sink &sink) : source_(source), sink_(sink) {
    }
    snarm_pipeline_source c() noexcept {
        return {load, release, this};
    }
    static snarm_status take(void *user, const snarm_pipeline_item *item) {
        auto &self = *static_cast<pipeline_call *>(user);
        if (self.keep([&] { self.ended_ = !self.sink_(*item); }) && !self.ended_)
            return SNARM_OK;
        return SNARM_ERROR_CANCELLED;
    }
    /* Whether the sink had all of them. */
    bool finish(snarm_status status) const {
        if (first_)
            std::rethrow_exception(first_);
        if (!ended_)
            check(status);
        return !ended_;
    }

  private:
    struct held {
        image picture;
        depth beside;
    };

    template <class Call> bool keep(Call &&call) noexcept {
        try {
            call();
            return true;
        } catch (...) {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (!first_)
                first_ = std::current_exception();
            return false;
        }
    }
    void load_one(std::size_t index, snarm_image *image, snarm_depth *depth) {
        held one{source_->load(index), {}};
        if (one.picture.get().pixels == nullptr)
            return;
        if (source_->load_depth)
            one.beside = source_->load_depth(index);
        const std::lock_guard<std::mutex> lock(mutex_);
        const held &kept = held_.emplace(index, std::move(one)).first->second;
        *image = kept.picture.get();
        *depth = kept.beside.get();
    }
    static snarm_status load(void *user, std::size_t index, snarm_image *image, snarm_depth *depth) {
        auto &self = *static_cast<pipeline_call *>(user);
        snarm_status status = SNARM_OK;
        /* Without a picture it is the end. */
        self.keep([&] {
            try {
                self.load_one(index, image, depth);
            } catch (const error &failure) {
                status = failure.status();
            }
        });
        return status;
    }
    static void release(void *user, std::size_t index, snarm_image *, snarm_depth *) {
        auto &self = *static_cast<pipeline_call *>(user);
        const std::lock_guard<std::mutex> lock(self.mutex_);
        self.held_.erase(index);
    }

    const pipeline_source *source_;
    const pipeline_sink &sink_;
    std::mutex mutex_;
    std::map<std::size_t, held> held_;
    std::exception_ptr first_;
    bool ended_ = false;
};

} // namespace detail

class detector : public detail::owner<detail::view<snarm_detector>, snarm_detector, snarm_detector_destroy> {
  public:
    detector() noexcept = default;
    explicit detector(snarm_detector *owned) noexcept : owner(view(owned)) {
    }
    static detector load(const std::string &path,
                         const snarm_detector_options &options = defaults<snarm_detector_options>()) {
        snarm_detector *handle = nullptr;
        check(snarm_detector_load(&handle, path.c_str(), &options));
        return detector(handle);
    }
    /*   backbone  a weights file; without it, below: the built-in network */
    static detector fit(const std::string &backbone, const image_source &source,
                        const snarm_fit_options &options = defaults<snarm_fit_options>(),
                        const fit_callbacks &callbacks = {}) {
        detail::exceptions thrown;
        detail::image_source_call pictures(source, thrown);
        const snarm_image_source c_source = pictures.c();
        return fit(options, callbacks, thrown, [&](snarm_detector **out, const snarm_fit_options *own) {
            return snarm_detector_fit(out, backbone.c_str(), &c_source, own);
        });
    }
    static detector fit_files(const std::string &backbone, const std::vector<std::string> &paths,
                              const snarm_fit_options &options = defaults<snarm_fit_options>(),
                              const fit_callbacks &callbacks = {}) {
        detail::exceptions thrown;
        std::vector<const char *> names;
        for (const std::string &path : paths)
            names.push_back(path.c_str());
        return fit(options, callbacks, thrown, [&](snarm_detector **out, const snarm_fit_options *own) {
            return snarm_detector_fit_files(out, backbone.c_str(), names.data(), names.size(), own);
        });
    }
    static detector fit(const image_source &source,
                        const snarm_fit_options &options = defaults<snarm_fit_options>(),
                        const fit_callbacks &callbacks = {}) {
        return fit(SNARM_BUILTIN_BACKBONE, source, options, callbacks);
    }
    static detector fit_files(const std::vector<std::string> &paths,
                              const snarm_fit_options &options = defaults<snarm_fit_options>(),
                              const fit_callbacks &callbacks = {}) {
        return fit_files(SNARM_BUILTIN_BACKBONE, paths, options, callbacks);
    }
    void save(const std::string &path) const {
        check(snarm_detector_save(get(), path.c_str()));
    }

    /*   map  (height, width) of info().preprocess, map_size() floats; empty: not wanted */
    snarm_result inspect(const snarm_image &image, span<float> map = {}) const {
        if (!map.empty())
            detail::expect_size("snarm::detector::inspect", "map", map.size(), map_size());
        auto result = defaults<snarm_result>();
        check(snarm_detector_inspect(get(), &image, &result, map.empty() ? nullptr : map.data()));
        return result;
    }
    /* Of a detector that was fitted with depth pictures. */
    snarm_result inspect(const snarm_image &image, const snarm_depth &depth, span<float> map = {}) const {
        if (!map.empty())
            detail::expect_size("snarm::detector::inspect", "map", map.size(), map_size());
        auto result = defaults<snarm_result>();
        check(snarm_detector_inspect_depth(get(), &image, &depth, &result, map.empty() ? nullptr : map.data()));
        return result;
    }
    /* Many pictures, the next ones read while one is inspected: snarm_pipeline_run. False where the sink ended it. */
    bool inspect_many(const pipeline_source &source, const pipeline_sink &sink,
                      const snarm_pipeline_options &options = defaults<snarm_pipeline_options>()) const {
        detail::pipeline_call call(&source, sink);
        const snarm_pipeline_source c_source = call.c();
        return call.finish(snarm_pipeline_run(get(), &c_source, call.take, &call, &options));
    }
    /* The same of files.
     *   depths  of a detector that takes them, as many; else empty */
    bool inspect_many(const std::vector<std::string> &paths, const pipeline_sink &sink,
                      const snarm_pipeline_options &options = defaults<snarm_pipeline_options>(),
                      const std::vector<std::string> &depths = {}) const {
        if (!depths.empty())
            detail::expect_size("snarm::detector::inspect_many", "depths", depths.size(), paths.size());
        std::vector<const char *> names, others;
        names.reserve(paths.size() + 1); // has an address also without elements
        for (const std::string &path : paths)
            names.push_back(path.c_str());
        for (const std::string &path : depths)
            others.push_back(path.c_str());
        detail::pipeline_call call(nullptr, sink);
        return call.finish(snarm_pipeline_run_files(get(), names.data(), others.empty() ? nullptr : others.data(),
                                                    names.size(), call.take, &call, &options));
    }
    void map_to_image(span<const float> map, std::int32_t image_width, std::int32_t image_height,
                      span<float> dst) const {
        static const char function[] = "snarm::detector::map_to_image";
        detail::expect_size(function, "map", map.size(), map_size());
        detail::expect_size(function, "dst", dst.size(),
                            detail::product(function, {image_height, image_width}));
        check(snarm_detector_map_to_image(get(), map.data(), image_width, image_height, dst.data()));
    }
    /* The values of its map. */
    std::size_t map_size() const {
        const snarm_preprocess how = info().preprocess;
        return static_cast<std::size_t>(how.width) * static_cast<std::size_t>(how.height);
    }

    snarm_detector_info info() const {
        auto info = defaults<snarm_detector_info>();
        check(snarm_detector_get_info(get(), &info));
        return info;
    }
    snarm_train_report training() const {
        snarm_train_report report{};
        check(snarm_detector_get_training(get(), &report));
        return report;
    }
    /* Leave-one-out scores of the pictures that it learnt from, the detector's. */
    span<const float> scores() const {
        const float *scores = nullptr;
        std::size_t count = 0;
        check(snarm_detector_get_scores(get(), &scores, &count));
        return {scores, count};
    }

    /* The parts, valid as long as the detector; empty where it has none. */
    backbone_view backbone() const noexcept {
        return backbone_view(snarm_detector_backbone(get()));
    }
    bank_view bank() const noexcept {
        return bank_view(snarm_detector_bank(get()));
    }
    scorer_view scorer() const noexcept {
        return scorer_view(snarm_detector_scorer(get()));
    }
    residual_view residual() const {
        const snarm_residual *handle = snarm_detector_residual(get());
        if (handle == nullptr)
            return {};
        const snarm_scorer_info is = scorer().info();
        return {handle, is.grid_width * is.grid_height, is.channels};
    }

  private:
    template <class Call>
    static detector fit(const snarm_fit_options &options, const fit_callbacks &callbacks,
                        detail::exceptions &thrown, Call call) {
        snarm_fit_options own = options;
        detail::progress_call progress{callbacks.progress, thrown};
        progress.set(own);
        detail::train_progress_call training{callbacks.training, thrown};
        snarm_train_options train;
        if (own.train != nullptr) {
            train = *own.train;
            training.set(train);
            own.train = &train;
        }
        detail::image_source_call textures(callbacks.textures, thrown);
        const snarm_image_source c_textures = textures.c();
        if (callbacks.textures.count > 0)
            own.textures = &c_textures;
        detail::depth_source_call depths(callbacks.depths, thrown);
        const snarm_depth_source c_depths = depths.c();
        if (callbacks.depths.count > 0)
            own.depths = &c_depths;
        snarm_detector *handle = nullptr;
        const snarm_status status = call(&handle, &own);
        detector fitted(handle); // destroyed where a callback threw and the fit succeeded all the same
        thrown.check(status);
        return fitted;
    }
};

/* ---- metrics.h --------------------------------------------------------------------------------------- */

inline snarm_score_metrics metrics_scores(span<const float> scores, span<const std::uint8_t> labels) {
    detail::expect_size("snarm::metrics_scores", "labels", labels.size(), scores.size());
    snarm_score_metrics metrics{};
    check(snarm_metrics_scores(scores.data(), labels.data(), scores.size(), &metrics));
    return metrics;
}

/* Points of a curve, owned. */
class curve {
  public:
    curve() noexcept = default;
    curve(const curve &) = delete;
    curve &operator=(const curve &) = delete;
    curve(curve &&other) noexcept : curve_(std::exchange(other.curve_, snarm_curve{})) {
    }
    curve &operator=(curve &&other) noexcept {
        std::swap(curve_, other.curve_);
        return *this;
    }
    ~curve() {
        snarm_curve_release(&curve_);
    }
    /* What a C function filled: this releases it from now on. */
    static curve adopt(const snarm_curve &owned) noexcept {
        curve adopted;
        adopted.curve_ = owned;
        return adopted;
    }
    const snarm_curve &get() const noexcept {
        return curve_;
    }
    span<const snarm_curve_point> points() const noexcept {
        return {curve_.points, curve_.count};
    }
    std::uint64_t positives() const noexcept {
        return curve_.positives;
    }
    std::uint64_t negatives() const noexcept {
        return curve_.negatives;
    }

  private:
    snarm_curve curve_{};
};

inline curve metrics_curve(span<const float> scores, span<const std::uint8_t> labels, std::size_t limit = 0) {
    detail::expect_size("snarm::metrics_curve", "labels", labels.size(), scores.size());
    snarm_curve points{};
    check(snarm_metrics_curve(scores.data(), labels.data(), scores.size(), limit, &points));
    return curve::adopt(points);
}

class pixel_metrics : public detail::owner<detail::view<snarm_pixel_metrics>, snarm_pixel_metrics,
                                           snarm_pixel_metrics_destroy> {
  public:
    pixel_metrics() noexcept = default;
    explicit pixel_metrics(snarm_pixel_metrics *owned) noexcept : owner(view(owned)) {
    }
    static pixel_metrics
    create(const snarm_pixel_metrics_options &options = defaults<snarm_pixel_metrics_options>()) {
        snarm_pixel_metrics *handle = nullptr;
        check(snarm_pixel_metrics_create(&handle, &options));
        return pixel_metrics(handle);
    }
    /*   mask  empty: a good image */
    void add(span<const float> map, span<const std::uint8_t> mask, std::int32_t width, std::int32_t height) {
        static const char function[] = "snarm::pixel_metrics::add";
        const std::size_t size = detail::product(function, {height, width});
        detail::expect_size(function, "map", map.size(), size);
        if (!mask.empty())
            detail::expect_size(function, "mask", mask.size(), size);
        check(
            snarm_pixel_metrics_add(get(), map.data(), mask.empty() ? nullptr : mask.data(), width, height));
    }
    snarm_pixel_metrics_result finish() {
        snarm_pixel_metrics_result result{};
        check(snarm_pixel_metrics_finish(get(), &result));
        return result;
    }
    snarm::curve curve(std::size_t limit = 0) {
        snarm_curve points{};
        check(snarm_pixel_metrics_curve(get(), limit, &points));
        return snarm::curve::adopt(points);
    }
};

/* ---- dataset.h --------------------------------------------------------------------------------------- */

class dataset : public detail::owner<detail::view<snarm_dataset>, snarm_dataset, snarm_dataset_destroy> {
  public:
    dataset() noexcept = default;
    explicit dataset(snarm_dataset *owned) noexcept : owner(view(owned)) {
    }
    static dataset open(const std::string &path,
                        const snarm_dataset_options &options = defaults<snarm_dataset_options>()) {
        snarm_dataset *handle = nullptr;
        check(snarm_dataset_open(&handle, path.c_str(), &options));
        return dataset(handle);
    }
    snarm_layout layout() const noexcept {
        return snarm_dataset_layout(get());
    }
    std::size_t category_count() const noexcept {
        return snarm_dataset_category_count(get());
    }
    /* The data set's, as are the strings of a sample. */
    const char *category_name(std::size_t category) const {
        const char *name = snarm_dataset_category_name(get(), category);
        if (name == nullptr)
            detail::refuse("snarm::dataset::category_name", "category is " + std::to_string(category) +
                                                                " of " + std::to_string(category_count()));
        return name;
    }
    std::size_t sample_count(std::size_t category, snarm_split split) const noexcept {
        return snarm_dataset_sample_count(get(), category, split);
    }
    snarm_sample sample(std::size_t category, snarm_split split, std::size_t index) const {
        snarm_sample sample{};
        check(snarm_dataset_sample(get(), category, split, index, &sample));
        return sample;
    }
};

class image_list
    : public detail::owner<detail::view<snarm_image_list>, snarm_image_list, snarm_image_list_destroy> {
  public:
    image_list() noexcept = default;
    explicit image_list(snarm_image_list *owned) noexcept : owner(view(owned)) {
    }
    /* snarm_image_list_open */
    static image_list list(const std::string &path) {
        snarm_image_list *handle = nullptr;
        check(snarm_image_list_open(&handle, path.c_str()));
        return image_list(handle);
    }
    std::size_t size() const noexcept {
        return snarm_image_list_count(get());
    }
    /* The list's. */
    const char *operator[](std::size_t index) const {
        const char *path = snarm_image_list_get(get(), index);
        if (path == nullptr)
            detail::refuse("snarm::image_list",
                           "index is " + std::to_string(index) + " of " + std::to_string(size()));
        return path;
    }
    /* A copy of all, as snarm::detector::fit_files takes them. */
    std::vector<std::string> paths() const {
        std::vector<std::string> all;
        for (std::size_t i = 0; i < size(); i++)
            all.emplace_back((*this)[i]);
        return all;
    }
};

/*   mask  (how.height, how.width) bytes */
inline void mask_load(const std::string &path, const snarm_preprocess &how, span<std::uint8_t> mask) {
    static const char function[] = "snarm::mask_load";
    detail::expect_size(function, "mask", mask.size(), detail::product(function, {how.height, how.width}));
    check(snarm_mask_load(path.c_str(), &how, mask.data()));
}

inline image mask_load_full(const std::string &path) {
    snarm_image mask{};
    check(snarm_mask_load_full(&mask, path.c_str()));
    return image::adopt(mask);
}

/* ---- report.h ---------------------------------------------------------------------------------------- */

/*   map  (image.height, image.width) floats */
inline image heatmap_render(const snarm_image &picture, span<const float> map,
                            const snarm_heatmap_options &options = defaults<snarm_heatmap_options>()) {
    static const char function[] = "snarm::heatmap_render";
    detail::expect_size(function, "map", map.size(),
                        detail::product(function, {picture.height, picture.width}));
    snarm_image rendered{};
    check(snarm_heatmap_render(&rendered, &picture, map.data(), &options));
    return image::adopt(rendered);
}

class report : public detail::owner<detail::view<snarm_report>, snarm_report, snarm_report_destroy> {
  public:
    report() noexcept = default;
    explicit report(snarm_report *owned) noexcept : owner(view(owned)) {
    }
    static report create(const snarm_report_options &options) {
        snarm_report *handle = nullptr;
        check(snarm_report_create(&handle, &options));
        return report(handle);
    }
    /*   sample      as in C, but for map, mask and their sizes, which the arguments below replace
     *   map         (map_height, map_width) floats
     *   mask        (mask_height, mask_width) bytes; empty: none */
    void add(const snarm_report_sample &sample, span<const float> map, std::int32_t map_width,
             std::int32_t map_height, span<const std::uint8_t> mask = {}, std::int32_t mask_width = 0,
             std::int32_t mask_height = 0) {
        static const char function[] = "snarm::report::add";
        detail::expect_size(function, "map", map.size(), detail::product(function, {map_height, map_width}));
        detail::expect_size(function, "mask", mask.size(),
                            detail::product(function, {mask_height, mask_width}));
        snarm_report_sample own = sample;
        own.map = map.data();
        own.map_width = map_width;
        own.map_height = map_height;
        own.mask = mask.empty() ? nullptr : mask.data();
        own.mask_width = mask_width;
        own.mask_height = mask_height;
        check(snarm_report_add(get(), &own));
    }
    void set_pixels(const std::string &category, pixel_metrics &pixels) {
        check(snarm_report_set_pixels(get(), category.c_str(), pixels.get()));
    }
    void add_fact(const std::string &name, const std::string &value) {
        check(snarm_report_add_fact(get(), name.c_str(), value.c_str()));
    }
    void write(const std::string &path) {
        check(snarm_report_write(get(), path.c_str()));
    }
};

} // namespace snarm

#endif
