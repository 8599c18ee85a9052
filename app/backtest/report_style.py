"""The report's one stylesheet: dark on light, for screens of any width and for paper."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root{--ground:#eae9e6;--panel:#fcfbf9;--panel-2:#f3f3f0;--rule:#d9d8d4;--rule-2:#a09e99;
--ink:#161a1f;--ink-2:#3c4046;--ink-3:#5b5f66;--red:#c22122;--blue:#1e59ba;--green:#076e3e;
--caution:#836202;--teal:#126f77;--gain:var(--red);--loss:var(--blue);
--sans:Inter,"Noto Sans KR","Apple SD Gothic Neo","Malgun Gothic",system-ui,sans-serif;
--mono:"JetBrains Mono",ui-monospace,"SF Mono",Menlo,Consolas,monospace;color-scheme:light}
body.intl{--gain:var(--green);--loss:var(--red)}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink-2);font:450 13px/1.5 var(--sans);
word-break:keep-all;overflow-wrap:anywhere}
main{max-width:1080px;margin:0 auto;background:var(--panel);border:1px solid var(--rule);
border-width:0 1px}
h1,h2,p,dl,dd,figure{margin:0}
h1{font-size:19px;line-height:1.3;font-weight:600;color:var(--ink)}
h2{font-size:13px;font-weight:600;color:var(--ink)}
small{font-size:11.5px;color:var(--ink-3)}
.n,svg text{font-family:var(--mono);letter-spacing:-.025em;font-feature-settings:"tnum"}
header{padding:22px 20px 16px;border-bottom:1px solid var(--rule)}
header .brand{font:700 13px/1 var(--mono);letter-spacing:-.06em;color:var(--ink-3);
margin-bottom:12px}
header p{display:flex;flex-wrap:wrap;gap:2px 18px;margin-top:6px;color:var(--ink-3)}
header b{font-weight:500;color:var(--ink-2)}
section{border-bottom:1px solid var(--rule);break-inside:avoid}
section>div.head{display:flex;flex-wrap:wrap;gap:2px 12px;align-items:baseline;
padding:9px 20px;background:var(--panel-2);border-bottom:1px solid var(--rule)}
.lead{display:flex;flex-wrap:wrap;gap:14px 44px;padding:18px 20px}
.lead div{min-width:110px}
.lead dt{color:var(--ink-3);font-size:11.5px}
.lead dd{font:500 21px/1.25 var(--mono);letter-spacing:-.045em;color:var(--ink)}
.lead dd small{font-size:12px;letter-spacing:0;margin-left:4px}
figure{padding:12px 20px 8px}
svg{display:block;width:100%;height:auto}
.keys{display:flex;flex-wrap:wrap;gap:2px 16px;margin-left:auto;font-size:11.5px;
color:var(--ink-3)}
.keys span::before{content:"";display:inline-block;width:12px;height:3px;margin:0 6px 3px 0;
background:var(--ink)}
.keys .held::before{background:var(--rule-2)}
.keys .premium::before{background:var(--teal)}
.keys .won::before{background:var(--rule-2);height:7px;margin-bottom:0}
.keys .lost::before{background:var(--loss);height:7px;margin-bottom:0}
svg .grid{stroke:var(--rule);stroke-width:1}
svg .level{stroke:var(--ink-3);stroke-width:1;stroke-dasharray:4 3}
svg path.equity,svg path.held,svg path.premium{fill:none;stroke-width:1.4;stroke-linejoin:round}
svg path.equity{stroke:var(--ink)}
svg path.held{stroke:var(--rule-2)}
svg path.premium{stroke:var(--teal);stroke-width:1}
svg path.fall{fill:var(--loss);fill-opacity:.2;stroke:var(--loss);stroke-width:1}
svg path.entry{fill:var(--ink)}
svg path.exit{fill:var(--panel);stroke:var(--ink);stroke-width:1}
svg rect.gain{fill:var(--gain);fill-opacity:.75}
svg rect.loss{fill:var(--loss);fill-opacity:.75}
svg rect.won{fill:var(--rule-2)}
svg rect.lost{fill:var(--loss)}
svg text{font-size:10.5px;fill:var(--ink-3)}
svg text.note{fill:var(--ink);paint-order:stroke;stroke:var(--panel);stroke-width:4px;
stroke-linejoin:round}
svg text.middle{text-anchor:middle}
.scroll{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-size:12.5px;overflow-wrap:normal}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{padding:4px 10px;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule)}
th:first-child,td:first-child{padding-left:20px}
th:last-child,td:last-child{padding-right:20px}
tbody tr:last-child>*{border-bottom:0}
thead th{font-size:11.5px;font-weight:500;color:var(--ink-3);white-space:nowrap}
tbody th{font-weight:600;color:var(--ink)}
td.n,th.n{text-align:right;white-space:nowrap}
td.n{font-size:12px}
thead th.n{font-family:var(--sans);letter-spacing:0}
.gain{color:var(--gain)}
.loss{color:var(--loss)}
td.mark{width:34px;color:var(--ink-3)}
td.mark+th{min-width:118px;font-weight:500}
td.date{white-space:nowrap}
td.value{text-align:right;font:450 12px/1.6 var(--mono);letter-spacing:-.025em}
td.warn{color:var(--caution)}
.none,.more{padding:12px 20px;color:var(--ink-3)}
.pair{display:grid;grid-template-columns:1fr 1fr}
.pair>section+section{border-left:1px solid var(--rule)}
dl.figures{display:grid;grid-template-columns:1fr 1fr;gap:0}
dl.figures>div{display:grid;grid-template-columns:1fr auto;gap:0 12px;padding:8px 20px;
border-bottom:1px solid var(--rule);break-inside:avoid}
dl.figures dt{color:var(--ink)}
dl.figures dd.n{color:var(--ink);text-align:right}
dl.figures dd.means{grid-column:1/-1;font-size:11.5px;color:var(--ink-3)}
footer{padding:14px 20px 26px;color:var(--ink-3);font-size:11.5px}
@media(max-width:720px){
header,.lead,figure,.none,.more,footer,section>div.head{padding-left:14px;padding-right:14px}
.pair,dl.figures{display:block}
.pair>section+section{border-left:0}
.lead{gap:12px 26px}
.lead dd{font-size:17px}
th:first-child,td:first-child{padding-left:14px}
th:last-child,td:last-child{padding-right:14px}
dl.figures>div{padding:8px 14px}
svg text{font-size:17px}
.pair svg text{font-size:12px}
figure{padding-left:8px;padding-right:8px}
.keys{margin-left:0}
}
@media print{
@page{size:A4;margin:12mm}
body{background:none;font-size:10.5px;print-color-adjust:exact;-webkit-print-color-adjust:exact}
main{border:0;max-width:none}
.scroll{overflow:visible}
section.long{break-inside:auto}
tr{break-inside:avoid}
table{font-size:9.5px}
td.n{font-size:9px}
th,td{padding:2px 5px}
}
"""

# What a Content-Security-Policy needs to allow this stylesheet and no other.
STYLE_SHA256 = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
