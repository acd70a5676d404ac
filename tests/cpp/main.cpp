/* main FOLDER WEIGHTS CATEGORY: the C++ interface, run by test_cpp.py for each compiler and standard. */
#include "checks.hpp"

#include <exception>

int failures;
std::string folder, weights, washers;

int main(int argc, char **argv) {
    if (argc != 4)
        return std::fprintf(stderr, "usage: main FOLDER WEIGHTS CATEGORY\n"), 2;
    folder = argv[1], weights = argv[2], washers = argv[3];
    try {
        test_basics();
        test_parts();
        test_training();
        test_detector();
        test_evaluation();
    } catch (const std::exception &error) {
        std::printf("thrown to main: %s\n", error.what());
        return 1;
    }
    std::printf("%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
