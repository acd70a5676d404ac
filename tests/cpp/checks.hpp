/* What the C++ tests have in common: checks that count, and the files that test_cpp.py made. */
#ifndef SNARM_TESTS_CPP_CHECKS_HPP
#define SNARM_TESTS_CPP_CHECKS_HPP

#include <snarm/snarm.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

extern int failures;
extern std::string folder;  /* a scratch folder of the test's own */
extern std::string weights; /* a network of random weights */
extern std::string washers; /* a painted category: train/good, test/good, test/DEFECT, ground_truth */

/* Whether the library was built with its network. */
inline bool has_builtin_network() {
    const char *said = std::getenv("SNARM_BUILTIN_NETWORK");
    return said == nullptr || std::string(said) != "0";
}

inline std::string scratch(const char *name) {
    return folder + "/" + name;
}

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            std::printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);                                      \
            failures++;                                                                                      \
        }                                                                                                    \
    } while (false)

/* That a call throws snarm::error of this status, with a sentence that holds the text. */
template <class Call>
void expect_error(const char *file, int line, snarm_status status, const char *text, Call call) {
    try {
        call();
        std::printf("%s:%d: no error, expected one with \"%s\"\n", file, line, text);
    } catch (const snarm::error &error) {
        if (error.status() == status && std::string(error.what()).find(text) != std::string::npos)
            return;
        std::printf("%s:%d: status %d, \"%s\", expected %d and \"%s\"\n", file, line, error.status(),
                    error.what(), status, text);
    }
    failures++;
}
#define CHECK_ERROR(status, text, ...) expect_error(__FILE__, __LINE__, status, text, [&] { __VA_ARGS__; })

void test_basics();
void test_parts();
void test_training();
void test_detector();
void test_evaluation();

#endif
