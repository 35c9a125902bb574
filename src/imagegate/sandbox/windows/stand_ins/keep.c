/* Keeps the Wine server of a prefix alive until the peer that started it goes away. */
#include "peer.h"

int wmain(void)
{
    return (int)peer_relay(peer_open(L"keep", L"keep"), NULL, 0);
}
