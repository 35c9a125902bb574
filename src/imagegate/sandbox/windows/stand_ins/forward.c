/* Stands for the programs that Wine does not have, or only as a stub: the model answers. Installed under their names. */
#include "peer.h"

int wmain(void)
{
    WCHAR path[1024];
    const WCHAR *name;
    if (!GetModuleFileNameW(NULL, path, 1024)) die("no name");
    name = wcsrchr(path, L'\\');
    return (int)peer_relay(peer_open(name ? name + 1 : path, GetCommandLineW()), NULL, 0);
}
