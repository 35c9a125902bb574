# What imagegate runs on a Windows guest, once per exchange, for Windows PowerShell 2.0 to 5.1. Nothing stays behind.
# Requests and answers are lines of ASCII: "<index> <verb> <argument>...", "<nonce> <index> <field> <value>", arguments
# and values in Base64 (of UTF-8, or of bytes; - is nothing), so that no code page and no wording can change them. The sandbox's
# stand-in for Windows answers exactly this text and nothing else.
Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
function ConvertTo-Wire([string]$Text) { [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($Text)) }
function ConvertFrom-Wire([string]$Text) { if ($Text -eq '-') { return '' }; [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($Text)) }
function Write-Field([string]$Name, [string]$Value) { [Console]::Out.WriteLine("$Nonce $Index $Name " + (ConvertTo-Wire $Value)) }
function Write-Byte([string]$Name, [byte[]]$Value) { [Console]::Out.WriteLine("$Nonce $Index $Name " + [Convert]::ToBase64String($Value)) }
function Write-Row([string]$Name, [object[]]$Values) { Write-Field $Name ($Values -join "`t") }
function Get-Number($Flag) { if ($Flag) { 1 } else { 0 } }
function Open-Shared([string]$Path) {
    New-Object IO.FileStream $Path, ([IO.FileMode]::Open), ([IO.FileAccess]::Read), ([IO.FileShare]'ReadWrite, Delete')
}
function Read-End([string]$Path, [long]$Count) {
    $stream = Open-Shared $Path
    try {
        $length = [Math]::Min($Count, $stream.Length)
        [void]$stream.Seek(-$length, [IO.SeekOrigin]::End)
        $buffer = New-Object byte[] $length
        $filled = 0
        while ($filled -lt $length) {
            $got = $stream.Read($buffer, $filled, $length - $filled)
            if ($got -eq 0) { throw "$Path changed while it was read" }
            $filled += $got
        }
        , $buffer
    } finally { $stream.Close() }
}
function Get-FileFact([string]$Path, [string]$Digest, [string]$Tail, [string]$Whole) {
    try { $attributes = [IO.File]::GetAttributes($Path) }
    catch [IO.FileNotFoundException] { Write-Field 'kind' 'absent'; return }
    catch [IO.DirectoryNotFoundException] { Write-Field 'kind' 'absent'; return }
    if ($attributes -band [IO.FileAttributes]::ReparsePoint) { Write-Field 'kind' 'link'; return }
    if ($attributes -band [IO.FileAttributes]::Directory) { Write-Field 'kind' 'directory'; return }
    $file = New-Object IO.FileInfo $Path
    Write-Field 'kind' 'regular'
    Write-Field 'size' $file.Length
    Write-Field 'modified' $file.LastWriteTimeUtc.ToString('yyyy-MM-ddTHH:mm:ss.fffffffZ', [Globalization.CultureInfo]::InvariantCulture)
    if ($Digest -eq '1') {
        $stream = Open-Shared $Path
        try { $hash = (New-Object Security.Cryptography.SHA256Managed).ComputeHash($stream) } finally { $stream.Close() }
        Write-Field 'sha256' ([BitConverter]::ToString($hash) -replace '-', '').ToLowerInvariant()
    }
    if ([long]$Tail -gt 0) { Write-Byte 'tail' (Read-End $Path ([long]$Tail)) }
    if ([long]$Whole -gt 0 -and $file.Length -le [long]$Whole) { Write-Byte 'whole' (Read-End $Path ([long]$Whole)) }
}
function Get-WindowsFact {
    $system = Get-WmiObject Win32_OperatingSystem
    $format = 'yyyy-MM-ddTHH:mm:ss.fffffffZ'
    $culture = [Globalization.CultureInfo]::InvariantCulture
    $booted = [Management.ManagementDateTimeConverter]::ToDateTime($system.LastBootUpTime).ToUniversalTime()
    Write-Field 'version' $system.Version
    Write-Field 'product' $system.Caption
    Write-Field 'booted' $booted.ToString($format, $culture)
    Write-Field 'now' ([DateTime]::UtcNow.ToString($format, $culture))
}
function Get-SpaceFact([string]$Drive) {
    $volume = New-Object IO.DriveInfo $Drive
    Write-Field 'free' $volume.TotalFreeSpace
    Write-Field 'size' $volume.TotalSize
}
function Get-AccountFact {
    foreach ($account in @(Get-WmiObject Win32_UserAccount -Filter 'LocalAccount=True')) {
        $rid = $account.SID.Substring($account.SID.LastIndexOf('-') + 1)
        Write-Row 'account' $account.Name, $rid, (Get-Number (-not $account.Disabled)), (Get-Number $account.PasswordRequired), (Get-Number $account.PasswordExpires)
    }
}
function Get-IdentityFact {
    $accounts = @(Get-WmiObject Win32_UserAccount -Filter 'LocalAccount=True')
    foreach ($sid in @($accounts | ForEach-Object { $_.SID.Substring(0, $_.SID.LastIndexOf('-')) } | Sort-Object -Unique)) { Write-Field 'sid' $sid }
    $key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey('SOFTWARE\Microsoft\Cryptography')
    if ($key) { $guid = $key.GetValue('MachineGuid'); $key.Close(); if ($guid) { Write-Field 'guid' $guid } }
    Write-Field 'name' ([Environment]::MachineName)
}
function Get-AppxFact {
    if (-not (Get-Command Get-AppxPackage -ErrorAction SilentlyContinue)) { Write-Field 'supported' '0'; return }
    Write-Field 'supported' '1'
    foreach ($package in @(Get-AppxProvisionedPackage -Online)) { Write-Field 'provisioned' $package.DisplayName }
    foreach ($package in @(Get-AppxPackage -AllUsers)) {
        $users = @($package.PackageUserInformation | Where-Object { "$($_.InstallState)" -like 'Installed*' }).Count
        $system = $false
        foreach ($name in 'NonRemovable', 'SignatureKind') {
            if ($package.PSObject.Properties[$name] -and ('True', 'System') -contains "$($package.$name)") { $system = $true }
        }
        Write-Row 'package' $package.PackageFullName, $package.Name, $users, (Get-Number $package.IsFramework), (Get-Number $system)
    }
}
function Get-CommandFact([string]$Name) {
    $found = @(Get-Command $Name -ErrorAction SilentlyContinue)
    Write-Field 'present' (Get-Number $found.Count)
    if ($found.Count -gt 0 -and $found[0].PSObject.Properties['Path'] -and $found[0].Path) { Write-Field 'path' $found[0].Path }
}
function Write-NewFile([string]$Path, [string]$Content) {
    $bytes = [Convert]::FromBase64String($Content)
    $stream = New-Object IO.FileStream $Path, ([IO.FileMode]::CreateNew), ([IO.FileAccess]::Write), ([IO.FileShare]::None)
    try { $stream.Write($bytes, 0, $bytes.Length) } finally { $stream.Close() }
    Write-Field 'written' $bytes.Length
}
function Start-Detached([string]$Folder, [string]$Line) {
    $made = ([wmiclass]'Win32_Process').Create($Line, $Folder)
    if ($made.ReturnValue -ne 0) { throw "Win32_Process.Create returned $($made.ReturnValue)" }
    Write-Field 'pid' $made.ProcessId
}
function Invoke-Request([string]$Verb, [string[]]$Words) {
    switch ($Verb) {
        'file' { Get-FileFact $Words[0] $Words[1] $Words[2] $Words[3] }
        'windows' { Get-WindowsFact }
        'space' { Get-SpaceFact $Words[0] }
        'accounts' { Get-AccountFact }
        'identity' { Get-IdentityFact }
        'appx' { Get-AppxFact }
        'rearm' { Write-Field 'remaining' (Get-WmiObject SoftwareLicensingService).RemainingWindowsReArmCount }
        'command' { Get-CommandFact $Words[0] }
        'write' { Write-NewFile $Words[0] $Words[1] }
        'delete' { [IO.File]::Delete($Words[0]); Write-Field 'deleted' '1' }
        'start' { Start-Detached $Words[0] $Words[1] }
        'remove-appx' { Remove-AppxPackage -Package $Words[0] -AllUsers; Write-Field 'removed' '1' }
        default { throw "unknown request $Verb" }
    }
}
function Invoke-Imagegate([string]$Nonce, [string]$Requests) {
    foreach ($line in $Requests.Split("`n")) {
        $parts = $line.Trim().Split(' ')
        if ($parts.Length -lt 2) { continue }
        $Index = $parts[0]
        $words = @($parts | Select-Object -Skip 2 | ForEach-Object { ConvertFrom-Wire $_ })
        try { Invoke-Request $parts[1] $words }
        catch { Write-Field 'error' $_.Exception.Message }
        [Console]::Out.WriteLine("$Nonce $Index end")
    }
    [Console]::Out.WriteLine("$Nonce done")
}
