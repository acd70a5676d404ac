/* Errors, spans, handles, pictures, maps. */
#include "checks.hpp"

#include <array>
#include <fstream>
#include <iterator>
#include <type_traits>

namespace {

/* Handles are moved, views copied, and a handle passes for its view. */
template <class Handle> constexpr bool moves_only() {
    return std::is_default_constructible_v<Handle> && !std::is_copy_constructible_v<Handle> &&
           !std::is_copy_assignable_v<Handle> && std::is_nothrow_move_constructible_v<Handle> &&
           std::is_nothrow_move_assignable_v<Handle>;
}
static_assert(moves_only<snarm::backbone>() && moves_only<snarm::bank>() && moves_only<snarm::residual>());
static_assert(moves_only<snarm::scorer>() && moves_only<snarm::detector>() && moves_only<snarm::dataset>());
static_assert(moves_only<snarm::image_list>() && moves_only<snarm::pixel_metrics>() &&
              moves_only<snarm::report>());
static_assert(moves_only<snarm::image>() && moves_only<snarm::depth>() && moves_only<snarm::curve>());
static_assert(std::is_copy_constructible_v<snarm::bank_view>);
static_assert(std::is_convertible_v<const snarm::bank &, const snarm::bank_view &>);
static_assert(std::is_convertible_v<const snarm::image &, const snarm_image &>);

/* A temporary may be read in a call, but never be what a call writes to; const is kept. */
static_assert(std::is_convertible_v<std::vector<float>, snarm::span<const float>>);
static_assert(!std::is_convertible_v<std::vector<float>, snarm::span<float>>);
static_assert(!std::is_convertible_v<const std::vector<float> &, snarm::span<float>>);
static_assert(!std::is_convertible_v<std::vector<double> &, snarm::span<float>>);
static_assert(std::is_convertible_v<snarm::span<float>, snarm::span<const float>>);

std::size_t size_of(snarm::span<const float> values) {
    return values.size();
}

void spans() {
    std::vector<float> values{1, 2, 3};
    const std::vector<float> fixed{4, 5};
    std::array<float, 4> array{};
    float plain[5] = {};
    CHECK(size_of(values) == 3 && size_of(fixed) == 2 && size_of(array) == 4 && size_of(plain) == 5);
    CHECK(size_of({}) == 0 && size_of({values.data(), 2}) == 2 && size_of(std::vector<float>(7)) == 7);
    snarm::span<float> span = values;
    span[1] = 9;
    float sum = 0;
    for (float value : snarm::span<const float>(span))
        sum += value;
    CHECK(values[1] == 9 && sum == 13 && !span.empty() && span.data() == values.data());
}

void errors() {
    CHECK(std::string(snarm::version()) == snarm_version());
    CHECK(snarm::default_threads() == snarm_default_threads());
    CHECK(std::string(snarm::status_name(SNARM_ERROR_IO)) == snarm_status_name(SNARM_ERROR_IO));
    CHECK_ERROR(SNARM_ERROR_IO, "nothing.snarm", snarm::detector::load("nothing.snarm"));
    CHECK_ERROR(SNARM_ERROR_FORMAT, weights.c_str(), snarm::detector::load(weights));
    CHECK_ERROR(SNARM_ERROR_IO, "nothing.png", snarm::image::load("nothing.png"));
    CHECK_ERROR(SNARM_ERROR_IO, "nothing.tiff", snarm::depth::load("nothing.tiff"));
    snarm::check(SNARM_OK);
    const auto options = snarm::defaults<snarm_fit_options>();
    CHECK(options.struct_size == sizeof options && options.bank_size == 0 && options.train == nullptr);
    CHECK(snarm::depth_is_hole(std::array<float, 3>{0, 0, 0}) &&
          !snarm::depth_is_hole(std::array<float, 3>{0, 1, 0}));
}

void handles() {
    const std::vector<float> vectors(20 * 3, 1.0F);
    snarm::bank first = snarm::bank::create(vectors, 3);
    const snarm_bank *handle = first.get();
    CHECK(first && first.size().count == 20 && first.size().channels == 3 && first.size().images == 20);
    snarm::bank second = std::move(first);
    CHECK(second.get() == handle && !first && first.get() == nullptr);
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "NULL", first.size());
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "NULL", first.save(scratch("empty.bank")));
    first = snarm::bank::create(std::vector<float>(6), 3);
    first = std::move(second); /* the small one is destroyed */
    CHECK(first.get() == handle && !second);
    snarm::bank &same = first;
    first = std::move(same);
    CHECK(first.get() == handle);
    snarm_bank *given = first.release();
    CHECK(given == handle && !first);
    snarm::bank adopted(given);
    const snarm::bank_view view = adopted, copy = view;
    CHECK(copy.get() == given && copy.size().count == 20);
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "NULL", snarm::detector().info());
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "category is 0 of 0", snarm::dataset().category_name(0));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "index is 0 of 0", snarm::image_list()[0]);
}

void pictures() {
    /* Three rows of 4 pixels, 6 bytes apart: with a stride below zero the first row in memory is the bottom
     * one. */
    std::vector<std::uint8_t> buffer(2 * 6 + 4);
    for (std::size_t i = 0; i < buffer.size(); i++)
        buffer[i] = static_cast<std::uint8_t>(i);
    const snarm_image down = snarm::image_view(buffer, 4, 3, SNARM_GREY8, 6);
    const snarm_image up = snarm::image_view(buffer, 4, 3, SNARM_GREY8, -6);
    CHECK(down.pixels == buffer.data() && down.width == 4 && down.height == 3 && down.stride == 6);
    CHECK(up.pixels == buffer.data() + 12 && up.owned == nullptr);
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "16 bytes, at least 17",
                snarm::image_view(buffer, 5, 3, SNARM_GREY8, 6));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "16 bytes, at least 36", snarm::image_view(buffer, 4, 3, SNARM_RGB8));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "0x3", snarm::image_view(buffer, 0, 3, SNARM_GREY8));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "format is 7",
                snarm::image_view(buffer, 4, 3, static_cast<snarm_pixel_format>(7)));

    /* Saved upside down, read the other way round. */
    snarm::image(up).save_png(scratch("up.png"));
    const snarm::image loaded = snarm::image::load(scratch("up.png"));
    const snarm::span<const std::uint8_t> read = loaded.pixels();
    CHECK(loaded.width() == 4 && loaded.height() == 3 && loaded.format() == SNARM_GREY8 && read.size() == 12);
    CHECK(read[0] == 12 && read[3] == 15 && read[4] == 6 && read[8] == 0 && read[11] == 3);

    std::ifstream file(scratch("up.png"), std::ios::binary);
    const std::vector<char> signs{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const std::vector<std::uint8_t> bytes(signs.begin(), signs.end());
    const snarm::image decoded = snarm::image::decode(bytes);
    CHECK(std::equal(read.begin(), read.end(), decoded.pixels().begin()));
    CHECK_ERROR(SNARM_ERROR_FORMAT, "camera 3", snarm::image::decode({bytes.data(), 40}, "camera 3"));
    auto small = snarm::defaults<snarm_image_options>();
    small.max_side = 3;
    CHECK_ERROR(SNARM_ERROR_UNSUPPORTED, "up.png", snarm::image::load(scratch("up.png"), small));

    /* A view of an owned picture does not release it; what C filled may be adopted. */
    { const snarm::image view(loaded.get()); }
    CHECK(read[0] == 12);
    snarm_image filled{};
    CHECK(snarm_image_load(&filled, scratch("up.png").c_str(), nullptr) == SNARM_OK);
    CHECK(snarm::image::adopt(filled).pixels()[0] == 12);

    /* One that keeps its pixels lends the same ones after it was moved. */
    snarm::image kept(std::vector<std::uint8_t>(buffer), 4, 3, SNARM_GREY8, -6);
    const std::uint8_t *top = kept.get().pixels;
    snarm::image moved = std::move(kept);
    CHECK(moved.get().pixels == top && top[0] == 12 && moved.pixels().size() == 16 && moved.pixels()[0] == 0);
    CHECK(kept.get().pixels == nullptr && kept.pixels().empty());
    moved = snarm::image::load(scratch("up.png"));
    CHECK(moved.width() == 4 && moved.pixels()[0] == 12);
}

void preprocessing() {
    const std::vector<std::uint8_t> grey(8 * 8, 255);
    const snarm_image image = snarm::image_view(grey, 8, 8, SNARM_GREY8);
    snarm_preprocess how{};
    how.resize_width = how.resize_height = 6;
    how.width = 4, how.height = 2;
    for (int c = 0; c < 3; c++)
        how.mean[c] = 0.5F, how.std[c] = 0.25F;
    std::vector<float> planes(3 * 2 * 4);
    std::vector<std::uint8_t> rgb(2 * 4 * 3);
    snarm::preprocess(image, how, planes, rgb);
    CHECK(planes[0] == 2 && planes[23] == 2 && rgb[0] == 255 && rgb[23] == 255);
    CHECK(snarm::image_light(image) == 1);
    snarm::preprocess(image, how, planes, rgb, 0.6);
    CHECK(rgb[0] == 153 && rgb[23] == 153);
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "light is 1.5", snarm::preprocess(image, how, planes, rgb, 1.5));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "planes has 23 elements, expected 24",
                snarm::preprocess(image, how, {planes.data(), 23}));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "rgb has 1 elements",
                snarm::preprocess(image, how, planes, {rgb.data(), 1}));
}

void maps() {
    const std::vector<float> patches{0, 0, 0, 8};
    std::vector<float> map(16 * 16), larger(32 * 48);
    snarm::map_from_patches(patches, 2, 2, 16, 16, map);
    snarm::map_smooth(map, 16, 16, 1);
    CHECK(map[0] < 0.1F && map[255] > 6);
    snarm::map_resize(map, 16, 16, larger, 32, 48);
    CHECK(larger.front() < 0.1F && larger.back() > 6);
    const snarm::map_peak peak = snarm::map_score(larger, 32, 48);
    CHECK(peak.score > 4 && peak.x >= 16 && peak.y >= 32);
    const std::vector<float> logits{-9, 9, -9, 9, -9, 9, -9, 9};
    snarm::map_from_logits(logits, 2, 2, 2, 16, 16, map);
    CHECK(map[0] < 0.01F && map[15] > 0.99F);

    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "patches has 4", snarm::map_from_patches(patches, 2, 3, 16, 16, map));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "map has 256", snarm::map_from_patches(patches, 2, 2, 16, 17, map));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "logits has 8", snarm::map_from_logits(logits, 3, 2, 2, 16, 16, map));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "a size is -2", snarm::map_from_logits(logits, -2, 2, 2, 16, 16, map));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "too large",
                snarm::map_from_logits(logits, 1 << 30, 1 << 30, 1 << 30, 16, 16, map));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "map has 256", snarm::map_smooth(map, 16, 15, 1));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "map has 256", snarm::map_score(map, 15, 16));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "dst has 1536", snarm::map_resize(map, 16, 16, larger, 32, 47));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "sigma", snarm::map_smooth(map, 16, 16, 65));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "map has 256", snarm::map_contrast(map, 16, 15, false, 2));
    CHECK_ERROR(SNARM_ERROR_ARGUMENT, "factor is 0", snarm::map_contrast(map, 16, 16, false, 0));
}

} // namespace

void test_basics() {
    spans();
    errors();
    handles();
    pictures();
    preprocessing();
    maps();
}
