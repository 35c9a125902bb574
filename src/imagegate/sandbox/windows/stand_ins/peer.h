/* How the stand-ins in a Wine prefix talk to the model of Windows: one TCP connection for each program that runs.
   We send: u32 length, then token, code page, folder, program and command line in UTF-8, each ended by a zero byte.
   We receive frames: one letter, u32 length, data. O, E: output; I: send standard input, as u32 length and data,
   ended by a length of 0; X: the exit code as u32, the last frame. Numbers are little-endian. */
#include <winsock2.h>
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what)
{
    fprintf(stderr, "imagegate stand-in: %s\n", what);
    ExitProcess(251);
}

static void send_all(SOCKET s, const char *data, int size)
{
    while (size > 0) {
        int sent = send(s, data, size, 0);
        if (sent <= 0) die("the model does not listen");
        data += sent;
        size -= sent;
    }
}

static void receive_all(SOCKET s, char *data, int size)
{
    while (size > 0) {
        int got = recv(s, data, size, 0);
        if (got <= 0) die("the model went away");
        data += got;
        size -= got;
    }
}

static DWORD receive_number(SOCKET s)
{
    DWORD number;
    receive_all(s, (char *)&number, sizeof number);
    return number;
}

static void write_all(DWORD stream, const char *data, DWORD size)
{
    HANDLE out = GetStdHandle(stream);
    while (size > 0) {
        DWORD done = 0;
        if (!WriteFile(out, data, size, &done, NULL) || done == 0) return; /* nobody reads it */
        data += done;
        size -= done;
    }
}

static int add(char *message, int at, const WCHAR *text)
{
    int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, message + at, 70000 - at, NULL, NULL);
    if (!size) die("the command line is too long");
    return at + size;
}

static SOCKET peer_open(const WCHAR *program, const WCHAR *line)
{
    static char message[70004];
    WCHAR port[16], text[1024];
    struct sockaddr_in place = {0};
    WSADATA wsa;
    SOCKET s;
    int size = 4;
    if (!GetEnvironmentVariableW(L"IMAGEGATE_PEER_PORT", port, 16)) die("IMAGEGATE_PEER_PORT is not set");
    if (WSAStartup(MAKEWORD(2, 2), &wsa)) die("no sockets");
    s = socket(AF_INET, SOCK_STREAM, 0);
    place.sin_family = AF_INET;
    place.sin_port = htons((u_short)_wtoi(port));
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(s, (struct sockaddr *)&place, sizeof place)) die("the model does not listen");
    if (!GetEnvironmentVariableW(L"IMAGEGATE_PEER_TOKEN", text, 1024)) die("IMAGEGATE_PEER_TOKEN is not set");
    size = add(message, size, text);
    if (!GetEnvironmentVariableW(L"IMAGEGATE_CODE_PAGE", text, 1024)) wcscpy(text, L"437");
    size = add(message, size, text);
    if (!GetCurrentDirectoryW(1024, text)) wcscpy(text, L"C:\\");
    size = add(message, size, text);
    size = add(message, size, program);
    size = add(message, size, line);
    *(DWORD *)message = size - 4;
    send_all(s, message, size);
    return s;
}

static void peer_send_input(SOCKET s)
{
    static char data[65536];
    DWORD size = 0;
    HANDLE in = GetStdHandle(STD_INPUT_HANDLE);
    do {
        if (!ReadFile(in, data, sizeof data, &size, NULL)) size = 0;
        send_all(s, (char *)&size, sizeof size);
        send_all(s, data, size);
    } while (size);
}

/* Relay until the end; with answer, standard output is kept there instead. The exit code. */
static DWORD peer_relay(SOCKET s, char *answer, DWORD room)
{
    static char data[65536];
    DWORD at = 0;
    for (;;) {
        char kind;
        DWORD size;
        receive_all(s, &kind, 1);
        size = receive_number(s);
        if (kind == 'X') return receive_number(s);
        if (kind == 'I') peer_send_input(s);
        while (size) {
            DWORD part = size < sizeof data ? size : sizeof data;
            receive_all(s, data, part);
            if (!answer) write_all(kind == 'O' ? STD_OUTPUT_HANDLE : STD_ERROR_HANDLE, data, part);
            else if (at + part < room) memcpy(answer + at, data, part), at += part, answer[at] = 0;
            size -= part;
        }
    }
}
