# What Wine cannot show, tried on a real Windows: run it in the session of the agent's user.
#
#   powershell -ExecutionPolicy Bypass -File verify.ps1 -Deskfleet C:\deskfleet\deskfleet.exe
#
# It opens Notepad and the calculator, asks for a hand where one is needed (Enter skips), as administrator installs the service and takes it
# out again, changes nothing else, and ends with a table.
param(
    [Parameter(Mandatory = $true)][string]$Deskfleet,
    [switch]$Unattended
)
$ErrorActionPreference = 'Stop'
$results = [System.Collections.Generic.List[object]]::new()
$work = Join-Path ([IO.Path]::GetTempPath()) ("deskfleet-verify-" + [guid]::NewGuid())
New-Item -ItemType Directory $work | Out-Null

function Note([string]$what, [string]$result, [string]$detail = '') {
    $results.Add([pscustomobject]@{ What = $what; Result = $result; Detail = $detail })
    Write-Host ("{0,-8} {1} {2}" -f $result, $what, $detail)
}

# A workflow of these steps, tried on this desktop: its exit code and everything it said.
function Try-Steps([string]$name, [string]$steps) {
    $file = Join-Path $work "$name.yaml"
    Set-Content -Path $file -Encoding utf8 -Value "kind: workflow`nname: $name`nsteps:`n$steps"
    $said = & $Deskfleet try $file -d (Join-Path $work $name) 2>&1 | Out-String
    [pscustomobject]@{ Code = $LASTEXITCODE; Said = $said; Folder = (Join-Path $work $name) }
}

function Check([string]$what, [string]$name, [string]$steps) {
    $run = Try-Steps $name $steps
    if ($run.Code -eq 0) { Note $what 'ok' } else { Note $what 'FAILED' ($run.Said -replace '\s+', ' ') }
}

# Something a person must do first, and what deskfleet must then say.
function Check-Refusal([string]$what, [string]$ask, [string]$name, [string]$steps, [string]$expected) {
    if ($Unattended -or (Read-Host "$ask Type y when done, Enter to skip") -ne 'y') { Note $what 'skipped'; return }
    Start-Sleep -Seconds 12
    $run = Try-Steps $name $steps
    if ($run.Code -ne 0 -and $run.Said -match $expected) { Note $what 'ok' } else { Note $what 'FAILED' ($run.Said -replace '\s+', ' ') }
}

$notepad = "  - launch: { command: [notepad] }`n  - wait: { window: { process: notepad }, timeout: 30s }`n"

Check 'a picture of the whole desktop' 'shot' "  - screenshot: { name: desktop }`n"
Check 'typing, any character, read back' 'type' ($notepad + @"
  - type: { into: { window: { process: notepad } }, text: "Grüße, 漢字, 🎉", clear: true, read_back: true }
"@)
Check 'long text by paste, clipboard as before' 'paste' ($notepad + @"
  - run: { command: [powershell, -c, "Set-Clipboard former"] }
  - paste: { into: { window: { process: notepad } }, text: "{{ 'line ' * 400 }}" }
  - read_clipboard: { regex: former }
"@)
Check 'a program and its children end at the timeout' 'run' @"
  - try:
      steps: [ { run: { command: [cmd, /c, "ping -n 60 127.0.0.1 | more"], timeout: 2s } } ]
      catch: [ { sleep: 1s } ]
  - run: { command: [powershell, -c, "if (Get-Process ping -ErrorAction SilentlyContinue) { exit 1 }"] }
"@

# Controls: a classic program, and one that speaks nothing but UI Automation.
Check 'the text of Notepad as it tells it' 'told' ($notepad + @"
  - type: { into: { window: { process: notepad } }, text: "told, not read", clear: true }
  - wait: { text: "told, not read" }
"@)
$told = & $Deskfleet inspect -o json | ConvertFrom-Json
$count = ($told.windows | ForEach-Object { @($_.controls).Count } | Measure-Object -Sum).Sum
if ($count -gt 0) { Note 'controls of open windows' 'ok' "$count of them" } else { Note 'controls of open windows' 'FAILED' 'none is told' }
Check 'a calculator pressed by the names of its buttons' 'calculator' @"
  - launch: { command: [calc] }
  - wait: { ui: { role: button, id: num7Button }, timeout: 30s }
  - invoke: { ui: { role: button, id: num7Button } }
  - invoke: { ui: { role: button, id: plusButton } }
  - invoke: { ui: { role: button, id: num8Button } }
  - invoke: { ui: { role: button, id: equalButton } }
  - { extract: { from: { ui: { id: CalculatorResults } }, how: ui, regex: '15' }, as: result }
"@
Check 'text read off a picture' 'read' ($notepad + @"
  - type: { into: { window: { process: notepad } }, text: "Receipt 4711", clear: true }
  - { extract: { from: { window: { process: notepad } }, how: ocr, regex: '4711' }, as: read }
"@)
$watch = [Diagnostics.Stopwatch]::StartNew()
& $Deskfleet inspect -o json | Out-Null
Note 'a look at all controls' 'ok' "$($watch.ElapsedMilliseconds) ms with the start of the program"

Add-Type -AssemblyName System.Windows.Forms
$screens = [System.Windows.Forms.Screen]::AllScreens
if ($screens.Count -gt 1) {
    $last = $screens | Sort-Object { $_.Bounds.Right } | Select-Object -Last 1
    $left = ($screens | ForEach-Object { $_.Bounds.Left } | Measure-Object -Minimum).Minimum
    $top = ($screens | ForEach-Object { $_.Bounds.Top } | Measure-Object -Minimum).Minimum
    $x = $last.Bounds.Left - $left + 40; $y = $last.Bounds.Top - $top + 40
    $run = Try-Steps 'monitors' "  - move: { at: [$x, $y] }`n"
    $at = [System.Windows.Forms.Cursor]::Position
    if ($run.Code -eq 0 -and [Math]::Abs($at.X - $last.Bounds.Left - 40) -le 2) { Note 'the pointer on the last monitor' 'ok' }
    else { Note 'the pointer on the last monitor' 'FAILED' "it is at $at; $($run.Said)" }
} else { Note 'the pointer on the last monitor' 'skipped' 'one monitor' }

Check-Refusal 'a locked session is told as such' 'Within 10 s after typing y, lock the session (Win+L) and unlock it after 20 s.' `
    'locked' "  - key: a`n" 'locked|desktop "'
Check-Refusal 'a window with higher rights is told as such' 'Open a command prompt as administrator, type y here, then click into that prompt.' `
    'elevated' "  - sleep: 5s`n  - key: a`n" 'higher rights'
Check-Refusal 'a disconnected session is told as such' 'Type y and close the remote desktop window without logging off; connect again after 30 s.' `
    'disconnected' "  - sleep: 10s`n  - key: a`n" 'disconnected|locked'

# What a person types is written down as the layout makes it, accents and AltGr included, and can be done again.
$ask = 'Notepad will open: type a few words with an accent and a character with AltGr into it, then press Pause.'
if (-not $Unattended -and (Read-Host "$ask Type y to begin, Enter to skip") -eq 'y') {
    $folder = Join-Path $work 'recorded'
    & $Deskfleet record $folder -- notepad
    Get-Process notepad -ErrorAction SilentlyContinue | Stop-Process
    Get-Content -Encoding utf8 (Join-Path $folder 'workflow.yaml')
    $right = Read-Host 'Is that what you typed? Type y if so'
    & $Deskfleet try (Join-Path $folder 'workflow.yaml') -d (Join-Path $work 'again') | Out-Null
    if ($right -eq 'y' -and $LASTEXITCODE -eq 0) { Note 'what is recorded is done again' 'ok' } else { Note 'what is recorded is done again' 'FAILED' }
} else { Note 'what is recorded is done again' 'skipped' }

# Its agent finds no controller and ends; that it was started inside this session is what counts.
$identity = [Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent()
if ($identity.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    & $Deskfleet agent install --service --user $env:USERNAME -- --controller https://127.0.0.1:9 | Out-Null
    Start-Sleep -Seconds 5
    $log = Get-Content (Join-Path (Split-Path $Deskfleet) 'logs\service.*.log') -ErrorAction SilentlyContinue | Out-String
    & $Deskfleet agent uninstall | Out-Null
    $expected = "started an agent session=$((Get-Process -Id $PID).SessionId)\b"
    if ($log -match $expected) { Note 'a service starts an agent in this session' 'ok' } else { Note 'a service starts an agent in this session' 'FAILED' $log }
} else { Note 'a service starts an agent in this session' 'skipped' 'run this as administrator' }

Get-Process notepad -ErrorAction SilentlyContinue | Stop-Process
$results | Format-Table -AutoSize -Wrap
Write-Host "Pictures and files are in $work"
if ($results | Where-Object Result -eq 'FAILED') { exit 1 }
