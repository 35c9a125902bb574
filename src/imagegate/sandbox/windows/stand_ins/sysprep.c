/* A stand-in for sysprep.exe: leaves the documented traces in the registry, in the logs and on the drive. Whether it
   may run, how long it takes and how it fails the model says, in one line: outcome, milliseconds, the image state at the
   end, whether it generalises, and by how many seconds the guest's local time is ahead of UTC. */
#include "peer.h"
#include <time.h>

#define SYSPREP "C:\\windows\\system32\\Sysprep\\"
#define STATE "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Setup\\State"
#define STATUS "SYSTEM\\Setup\\Status\\SysprepStatus"
static long shift;

static void set(const char *key, const char *name, DWORD type, const void *data, DWORD size)
{
    HKEY handle;
    if (RegCreateKeyExA(HKEY_LOCAL_MACHINE, key, 0, NULL, 0, KEY_WRITE, NULL, &handle, NULL)) die("no registry");
    if (RegSetValueExA(handle, name, 0, type, data, size)) die("no registry");
    RegCloseKey(handle);
}

static void number(const char *name, DWORD value)
{
    set(STATUS, name, REG_DWORD, &value, sizeof value);
}

static void image_state(const char *state)
{
    FILE *file;
    set(STATE, "ImageState", REG_SZ, state, (DWORD)strlen(state) + 1);
    DeleteFileA("C:\\windows\\Setup\\State\\State.ini");
    file = fopen("C:\\windows\\Setup\\State\\State.ini", "w");
    if (!file) die("no State.ini");
    fprintf(file, "[State]\nImageState=%s\n", state);
    fclose(file);
}

static void note(const char *log, const char *level, const char *text)
{
    char stamp[32];
    time_t now = time(NULL) + shift;
    FILE *file = fopen(log, "a");
    if (!file) die("no log");
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", gmtime(&now));
    fprintf(file, "%s, %s                 SYSPRP %s\n", stamp, level, text);
    fclose(file);
}

static void info(const char *text)
{
    note(SYSPREP "Panther\\setupact.log", "Info ", text);
}

static void error(const char *text)
{
    note(SYSPREP "Panther\\setupact.log", "Error", text);
    note(SYSPREP "Panther\\setuperr.log", "Error", text);
}

static int end(const WCHAR *how, int code)
{
    peer_relay(peer_open(L"sysprep-end", how), NULL, 0);
    return code;
}

int wmain(void)
{
    char plan[512] = "", outcome[32], state[64];
    int milliseconds, generalizes;
    DWORD code = peer_relay(peer_open(L"sysprep-begin", GetCommandLineW()), plan, sizeof plan);
    if (code || !plan[0]) return (int)code;
    if (sscanf(plan, "%31s %d %63s %d %ld", outcome, &milliseconds, state, &generalizes, &shift) != 5) die(plan);
    if (DeleteFileA(SYSPREP "Sysprep_succeeded.tag")) info("FCreateTagFile:Tag file Sysprep_succeeded.tag deleted");
    image_state("IMAGE_STATE_UNDEPLOYABLE");
    if (!strcmp(outcome, "hangs")) Sleep(INFINITE);
    Sleep(milliseconds);
    if (!strcmp(outcome, "fails")) {
        number("GeneralizationState", 3);
        error("Package Microsoft.Windows.Photos_2019.19051.16210.0_x64__8wekyb3d8bbwe was installed for a user, but not "
              "provisioned for all users. This package will not function properly in the sysprep image.");
        error("WinMain:Hit failure while processing sysprep generalize internal providers; hr = 0x80073cf2");
        return end(L"sysprep-end failed", 1);
    }
    if (generalizes) {
        number("GeneralizationState", 7);
        number("CleanupState", 2);
        info("RunDlls:DLL execution completed");
    }
    if (strcmp(outcome, "undeployable")) image_state(state);
    fclose(fopen(SYSPREP "Sysprep_succeeded.tag", "w"));
    info("FCreateTagFile:Tag file Sysprep_succeeded.tag created");
    return end(L"sysprep-end done", 0);
}
