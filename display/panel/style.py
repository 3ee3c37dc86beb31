"""The panel's surfaces and sizes, as Textual CSS in code: nothing has to be read from the disk while the panel starts.

Terminals with 256 colours round each channel; the surfaces are chosen so that they stay apart there too.
Three sizes: regular (80x24), `-compact` (40x15) and `-wide` (100x30).
"""

CSS = """$night: #0b1220;
$card: #111b2e;
$tile: #222f5e;
$tile-off: #1e2228;
$go: #14632e;
$stop: #b3261e;
$muted: #8a1c14;
$pending: #5a4212;
$bright: #f4f7fd;
$soft: #a3b3d1;
$faint: #6f81a3;
$amber: #f5bd4f;

RoomScreen {
    background: $night;
    color: $bright;
    layout: vertical;
    padding: 1 2;
    overflow: hidden;
}

Words { width: 1fr; height: 1; text-wrap: nowrap; text-overflow: ellipsis; }

#header { layout: vertical; height: auto; margin-bottom: 1; }
#header .line { height: auto; }
#status { height: auto; max-height: 2; text-wrap: wrap; }
#clock, #date, #calendar { width: auto; margin-left: 2; }

Band {
    width: 1fr;
    height: auto;
    max-height: 3;
    background: #2a220f;
    padding: 0 1;
    margin-bottom: 1;
    text-wrap: wrap;
    text-overflow: ellipsis;
}

#body { layout: horizontal; height: 1fr; }
#list { width: 1fr; height: 1fr; margin-right: 2; }
#side { width: 28; height: 1fr; }

Agenda, People { width: 1fr; height: 1fr; }
.rows { width: 1fr; height: 1fr; overflow: hidden; }
MeetingLine {
    width: 1fr;
    height: 2;
    margin-bottom: 1;
    padding: 0 1 0 0;
    border-left: outer $night;
    background: $night;
}
MeetingLine.-chosen { background: $tile-off; border-left: outer $faint; }
MeetingLine.-now { border-left: outer #5fd39b; }
#no-meetings { height: 1; padding: 0 1; }
#names { height: 1fr; padding: 0 1; }

TouchKey {
    width: 1fr;
    height: 5;
    background: $tile;
    color: $bright;
    content-align: center middle;
    text-align: center;
    text-overflow: ellipsis;
    pointer: pointer;
}
TouchKey.-go { background: $go; }
TouchKey.-stop { background: $stop; }
TouchKey.-muted { background: $muted; }
TouchKey.-pending { background: $pending; }
TouchKey.-off { background: $tile-off; color: $faint; }
TouchKey.-sent { background: #3d5487; }
TouchKey:focus { outline: solid $bright; }
#list:focus, #list:focus MeetingLine { background: $card; }
#list:focus MeetingLine.-chosen { background: $tile; }
#footer { dock: bottom; height: 2; padding-top: 1; color: $faint; text-wrap: nowrap; text-overflow: ellipsis; }
#more-meetings, #more-people { dock: bottom; height: 3; display: none; background: $tile-off; }

#actions { layout: vertical; height: 7; }
#actions TouchKey { height: 7; padding: 0 1; }
#actions.-two { height: 11; }
#actions.-two TouchKey { height: 5; }
#actions.-two #first { margin-bottom: 1; }
#second { display: none; }
/* below a band there is no room for two, one above the other */
.-band #actions.-two { layout: horizontal; height: 7; }
.-band #actions.-two TouchKey { height: 7; width: 1fr; padding: 0; }
.-band #actions.-two #first { margin: 0 2 0 0; }
#levels { height: 1; margin-top: 1; display: none; }
#hint { height: auto; max-height: 5; text-wrap: wrap; margin-top: 1; }
#meter { width: 1fr; height: 1; }
#small-volume { display: none; width: 12; height: 1; margin-left: 2; }
.-call #levels { display: block; }

#controls { height: 5; margin-top: 1; }
#controls TouchKey { margin-right: 2; }
#controls #louder { margin-right: 0; }
#quieter, #louder { width: 12; }
#volume { width: 10; height: 5; padding: 1 0; margin-right: 2; }

.-away #list { opacity: 50%; }
RoomScreen.-away #meter, .-away.-compact.-call #meter { visibility: hidden; }

/* -wide */
.-wide #header { margin-bottom: 2; }
.-wide.-band #actions.-two { layout: vertical; height: 11; }
.-wide.-band #actions.-two TouchKey { height: 5; padding: 0 1; }
.-wide.-band #actions.-two #first { margin: 0 0 1 0; }
.-wide #side { width: 34; }
.-wide #quieter, .-wide #louder { width: 14; }
.-wide #volume { width: 18; }

/* -compact: padding, never side margins, because margins of one sibling narrow all others */
RoomScreen.-compact { padding: 0; }
.-compact #header { padding: 0 1; margin: 0; }
.-compact #date, .-compact #calendar { display: none; }
.-compact Band { margin: 0; max-height: 2; }
.-compact #body { layout: vertical; }
.-compact #list { margin: 0; }
.-compact #side { width: 1fr; height: 4; }
.-compact MeetingLine { margin: 0; }
.-compact #more-meetings, .-compact #more-people { dock: right; width: 8; height: 3; }
.-compact #actions, .-compact #actions.-two { layout: horizontal; height: 3; padding: 0; }
.-compact #actions TouchKey, .-compact #actions.-two TouchKey { height: 3; margin: 0; }
.-compact #actions.-two #first { margin: 0 2 0 0; }
RoomScreen.-typed { padding-bottom: 0; }
.-compact #hint, .-compact #footer { display: none; }
.-compact #levels { display: block; margin: 0; padding: 0 1; }
.-compact #meter { visibility: hidden; }
.-compact.-call #meter { visibility: visible; }
.-compact #small-volume { display: block; }
.-compact #controls { height: 3; margin: 0; }
.-compact #controls TouchKey { height: 3; width: 1fr; }
.-compact #controls #quieter, .-compact #controls #louder { width: 8; }
.-compact #volume { display: none; }

/* What lies over the room for a while; its foot is where the room's controls are */
Sheet { background: $night; color: $bright; layout: vertical; padding: 1 2; overflow: hidden; }
#sheet-top { height: 1; }
#sheet-clock { width: auto; margin-left: 2; }
#sheet-body { layout: vertical; height: 1fr; margin-top: 1; }
#sheet-foot { height: 5; margin-top: 1; }
#sheet-foot TouchKey { margin-right: 2; }
#sheet-right { width: 38; height: 5; align: right middle; }
#sheet-right TouchKey { width: 18; }
#sheet-right #sheet-close { margin-right: 0; }
#sheet-text { height: 1fr; text-wrap: wrap; }
#sheet-next { height: 3; }
#device-list { width: 1fr; height: 1fr; }
#sound-line { height: 1; }
#device-keys { height: 3; margin-top: 1; }
#device-keys TouchKey { height: 3; margin-left: 2; }
#device-keys #check-devices { margin-left: 0; }
.more-row { height: 5; margin-bottom: 1; }
.more-row TouchKey { height: 100%; margin-left: 2; }
.more-row TouchKey:first-child { margin-left: 0; }
.-many #sheet-body { margin-top: 0; }
.-many .more-row { height: 4; }
#aim-keys { grid-size: 4 2; grid-gutter: 1 2; height: 9; }
#aim-keys TouchKey { height: 4; }
#preset-keys { height: 3; margin-top: 1; }
#preset-keys TouchKey { height: 3; margin-left: 2; }
#preset-keys TouchKey:first-child { margin-left: 0; }

.-wide #sheet-right { width: 50; }
.-wide #sheet-right TouchKey { width: 24; }
.-wide.-many #sheet-body { margin-top: 1; }
.-wide #aim-keys { height: 11; }
.-wide #aim-keys TouchKey, .-wide .more-row { height: 5; }
.-wide #preset-keys, .-wide #preset-keys TouchKey { height: 5; }

Sheet.-compact { padding: 0; }
.-compact #sheet-top { display: none; }
DeviceSheet.-compact #sheet-top { display: block; padding: 0 1; }
.-compact #sheet-status { padding: 0 1; }
.-compact #sheet-body { margin: 0; }
.-compact #sheet-foot, .-compact #sheet-right { height: 3; margin: 0; }
/* half a line apart from what is above: there is no room for a whole one */
.-compact #sheet-foot TouchKey { height: 3; border-top: outer $night; }
.-compact #sheet-right { width: 18; }
.-compact #sheet-right TouchKey { width: 8; }
.-compact #sheet-text, .-compact #device-list, .-compact #sound-line { padding: 0 1; }
.-compact #device-keys { margin: 0; }
.-compact .more-row { height: 3; }
.-compact #aim-keys { grid-gutter: 1 1; height: 7; }
.-compact #aim-keys TouchKey { height: 3; }
.-compact #preset-keys TouchKey { margin-left: 1; }
.-compact #preset-keys TouchKey:first-child { margin-left: 0; }

ToastRack { dock: top; align: center top; margin: 0; }
Toast { width: 1fr; max-width: 100%; background: #3a3010; color: $bright; padding: 1 2; margin: 0; }
"""
