// Step 1 of the ladder in C++17: score one image.
//
// What it teaches: snarm/snarm.hpp turns a status into an exception and frees what a handle owns; the rest is
// as in score_image.c. Maps are any container of floats; their size is checked before the call.
//
//     c++ -std=c++17 score_image.cpp -o score_image $(pkg-config --cflags --libs snarm)
//     snarm fit --images parts/good --out part.snarm
//     ./score_image part.snarm parts/today/0001.png heat.png
//
// Exit code: 0 the part is normal, 1 it is anomalous, 3 something could not be read or written.
#include <snarm/snarm.hpp>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

enum exit_code { NORMAL = 0, ANOMALOUS = 1, USAGE = 2, FAILED = 3 };

// Lays the map over the picture that was inspected and writes the result as PNG.
void write_heatmap(const snarm::detector &detector, const snarm::image &image, const std::vector<float> &map,
                   float map_threshold, const std::string &path) {
    // The map has the size of the network's input: here it is brought to that of the picture.
    std::vector<float> full(static_cast<std::size_t>(image.width()) *
                            static_cast<std::size_t>(image.height()));
    detector.map_to_image(map, image.width(), image.height(), full);
    auto options = snarm::defaults<snarm_heatmap_options>();
    options.high = 2 * map_threshold;  // the full colour
    options.threshold = map_threshold; // the region from here up is outlined
    snarm::heatmap_render(image, full, options).save_png(path);
}

exit_code run(const std::vector<std::string> &arguments) {
    const snarm::detector detector = snarm::detector::load(arguments[0]);
    const snarm::image image = snarm::image::load(arguments[1]);
    // A camera's buffer needs no file: snarm::image_view(buffer, 1280, 1024, SNARM_GREY8) is passed in its
    // place.

    std::vector<float> map(detector.map_size());
    const snarm_result result = detector.inspect(image, map);
    std::printf("%s: %s, score %.4g, threshold %.4g, normalized %.3f\n", arguments[1].c_str(),
                result.anomalous != 0 ? "anomalous" : "normal", static_cast<double>(result.score),
                static_cast<double>(result.threshold), static_cast<double>(result.normalized));
    std::printf("most suspicious at x %.0f, y %.0f of %dx%d pixels\n", result.x, result.y, image.width(),
                image.height());
    if (arguments.size() == 3)
        write_heatmap(detector, image, map, result.map_threshold, arguments[2]);
    return result.anomalous != 0 ? ANOMALOUS : NORMAL;
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 3 && argc != 4) {
        std::fprintf(stderr, "usage: score_image MODEL IMAGE [HEATMAP.png]\n");
        return USAGE;
    }
    try {
        return run({argv + 1, argv + argc});
    } catch (const snarm::error &error) {
        std::fprintf(stderr, "score_image: %s\n",
                     error.what()); // error.status() tells kinds of failure apart
    } catch (const std::exception &error) {
        std::fprintf(stderr, "score_image: %s\n", error.what());
    }
    return FAILED;
}
