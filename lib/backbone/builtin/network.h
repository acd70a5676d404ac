/* The network that the library brings: a weights file linked into it. */
#ifndef SN_BACKBONE_BUILTIN_NETWORK_H
#define SN_BACKBONE_BUILTIN_NETWORK_H

#include "io/safetensors.h"

/* Opens it where it lies, without a copy. SNARM_ERROR_UNSUPPORTED where the library was built without it. */
snarm_status sn_builtin_network_open(sn_safetensors **out);

#endif
