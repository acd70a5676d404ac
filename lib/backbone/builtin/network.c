#include "backbone/builtin/network.h"

#ifdef SN_HAVE_BUILTIN_NETWORK
/* network.S.in */
extern const unsigned char sn_builtin_network[], sn_builtin_network_end[];

snarm_status sn_builtin_network_open(sn_safetensors **out) {
    return sn_safetensors_open_memory(out, "the built-in network", sn_builtin_network,
                                      (size_t)(sn_builtin_network_end - sn_builtin_network));
}
#else
snarm_status sn_builtin_network_open(sn_safetensors **out) {
    *out = NULL;
    return sn_error(SNARM_ERROR_UNSUPPORTED, "the built-in network: this library was built without it (meson option "
                                             "builtin_network), expected a weights file");
}
#endif
