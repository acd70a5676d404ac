// consumer MODEL: the same as consumer.c, with the C++ header.
#include <snarm/snarm.hpp>

#include <iostream>

int main(int argc, char **argv) try {
    if (argc != 2)
        throw snarm::error(SNARM_ERROR_ARGUMENT, "usage: consumer MODEL");
    const snarm::detector detector = snarm::detector::load(argv[1]);
    const snarm_detector_info info = detector.info();
    std::cout << "snarm " << snarm::version() << ' ' << info.backbone->architecture << ' ' << info.image_count
              << " pictures\n";
} catch (const snarm::error &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
