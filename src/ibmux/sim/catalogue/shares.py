"""Shares that the simulated gateway lists: one line each, as data.

A line is `symbol conId price name|industry|category`; a dash stands for a conId that the universe makes up. The prices
are only the levels around which the simulation wanders. Shares abroad are `symbol exchange currency price name|…`.
"""

NASDAQ = """\
AAPL 265598 268 APPLE INC|Technology|Computers
MSFT 272093 485 MICROSOFT CORP|Technology|Software
NVDA 4815747 182 NVIDIA CORP|Technology|Semiconductors
AMZN 3691937 222 AMAZON.COM INC|Consumer, Cyclical|Internet
META 107113386 610 META PLATFORMS INC-CLASS A|Communications|Internet
GOOGL 208813719 285 ALPHABET INC-CL A|Communications|Internet
GOOG 208813720 286 ALPHABET INC-CL C|Communications|Internet
TSLA 76792991 405 TESLA INC|Consumer, Cyclical|Auto Manufacturers
AMD 4391 225 ADVANCED MICRO DEVICES|Technology|Semiconductors
INTC 270639 36 INTEL CORP|Technology|Semiconductors
NFLX 15124833 1105 NETFLIX INC|Communications|Internet
AVGO - 345 BROADCOM INC|Technology|Semiconductors
CSCO - 76 CISCO SYSTEMS INC|Communications|Telecommunications
ADBE - 330 ADOBE INC|Technology|Software
PEP - 145 PEPSICO INC|Consumer, Non-cyclical|Beverages
COST - 905 COSTCO WHOLESALE CORP|Consumer, Cyclical|Retail
QCOM - 170 QUALCOMM INC|Technology|Semiconductors
TXN - 160 TEXAS INSTRUMENTS INC|Technology|Semiconductors
AMGN - 335 AMGEN INC|Consumer, Non-cyclical|Biotechnology
INTU - 650 INTUIT INC|Technology|Software
CMCSA - 27 COMCAST CORP-CLASS A|Communications|Media
AMAT - 225 APPLIED MATERIALS INC|Technology|Semiconductors
MU - 215 MICRON TECHNOLOGY INC|Technology|Semiconductors
LRCX - 145 LAM RESEARCH CORP|Technology|Semiconductors
KLAC - 1120 KLA CORP|Technology|Semiconductors
BKNG - 4650 BOOKING HOLDINGS INC|Communications|Internet
GILD - 125 GILEAD SCIENCES INC|Consumer, Non-cyclical|Biotechnology
ISRG - 560 INTUITIVE SURGICAL INC|Consumer, Non-cyclical|Healthcare-Products
VRTX - 425 VERTEX PHARMACEUTICALS INC|Consumer, Non-cyclical|Biotechnology
REGN - 700 REGENERON PHARMACEUTICALS|Consumer, Non-cyclical|Biotechnology
ADP - 252 AUTOMATIC DATA PROCESSING|Consumer, Non-cyclical|Commercial Services
PANW - 195 PALO ALTO NETWORKS INC|Technology|Computers
CRWD - 510 CROWDSTRIKE HOLDINGS INC - A|Technology|Computers
FTNT - 80 FORTINET INC|Technology|Computers
SNPS - 395 SYNOPSYS INC|Technology|Software
CDNS - 310 CADENCE DESIGN SYS INC|Technology|Software
MRVL - 85 MARVELL TECHNOLOGY INC|Technology|Semiconductors
ADI - 235 ANALOG DEVICES INC|Technology|Semiconductors
NXPI - 195 NXP SEMICONDUCTORS NV|Technology|Semiconductors
ON - 48 ON SEMICONDUCTOR|Technology|Semiconductors
MDLZ - 57 MONDELEZ INTERNATIONAL INC-A|Consumer, Non-cyclical|Food
SBUX - 84 STARBUCKS CORP|Consumer, Cyclical|Retail
PYPL - 62 PAYPAL HOLDINGS INC|Consumer, Non-cyclical|Commercial Services
ABNB - 117 AIRBNB INC-CLASS A|Communications|Internet
MELI - 2080 MERCADOLIBRE INC|Communications|Internet
PDD - 125 PDD HOLDINGS INC|Communications|Internet
ASML - 1010 ASML HOLDING NV-NY REG SHS|Technology|Semiconductors
AZN - 88 ASTRAZENECA PLC-SPONS ADR|Consumer, Non-cyclical|Pharmaceuticals
VOD - 12 VODAFONE GROUP PLC-SP ADR|Communications|Telecommunications
HON - 195 HONEYWELL INTERNATIONAL INC|Industrial|Electronics
CSX - 34 CSX CORP|Industrial|Transportation
PCAR - 101 PACCAR INC|Consumer, Cyclical|Auto Manufacturers
ROST - 165 ROSS STORES INC|Consumer, Cyclical|Retail
LULU - 170 LULULEMON ATHLETICA INC|Consumer, Cyclical|Retail
MAR - 285 MARRIOTT INTERNATIONAL -CL A|Consumer, Cyclical|Lodging
ORLY - 98 O'REILLY AUTOMOTIVE INC|Consumer, Cyclical|Retail
EA - 200 ELECTRONIC ARTS INC|Technology|Software
BIIB - 165 BIOGEN INC|Consumer, Non-cyclical|Biotechnology
MRNA - 25 MODERNA INC|Consumer, Non-cyclical|Biotechnology
WDAY - 225 WORKDAY INC-CLASS A|Technology|Software
TEAM - 150 ATLASSIAN CORP-CL A|Technology|Software
DDOG - 180 DATADOG INC - CLASS A|Technology|Software
ZS - 290 ZSCALER INC|Technology|Software
COIN - 260 COINBASE GLOBAL INC -CLASS A|Financial|Diversified Finan Serv
HOOD - 118 ROBINHOOD MARKETS INC - A|Financial|Diversified Finan Serv
MSTR - 195 STRATEGY INC|Technology|Software
PLTR - 165 PALANTIR TECHNOLOGIES INC-A|Technology|Software
SMCI - 35 SUPER MICRO COMPUTER INC|Technology|Computers
ARM - 140 ARM HOLDINGS PLC-ADR|Technology|Semiconductors
SHOP - 155 SHOPIFY INC - CLASS A|Communications|Internet
"""

NYSE = """\
IBM 8314 300 INTL BUSINESS MACHINES CORP|Technology|Computers
JPM 1520593 302 JPMORGAN CHASE & CO|Financial|Banks
KO 8894 71 COCA-COLA CO/THE|Consumer, Non-cyclical|Beverages
DIS 6459 105 WALT DISNEY CO/THE|Communications|Media
XOM 13977 117 EXXON MOBIL CORP|Energy|Oil&Gas
BAC 10098 52 BANK OF AMERICA CORP|Financial|Banks
WMT 13824 104 WALMART INC|Consumer, Cyclical|Retail
F 9599491 13 FORD MOTOR CO|Consumer, Cyclical|Auto Manufacturers
GE - 300 GENERAL ELECTRIC|Industrial|Aerospace/Defense
GM - 70 GENERAL MOTORS CO|Consumer, Cyclical|Auto Manufacturers
BA - 185 BOEING CO/THE|Industrial|Aerospace/Defense
CAT - 555 CATERPILLAR INC|Industrial|Machinery
DE - 480 DEERE & CO|Industrial|Machinery
MMM - 168 3M CO|Industrial|Miscellaneous Manufactur
CVX - 150 CHEVRON CORP|Energy|Oil&Gas
COP - 88 CONOCOPHILLIPS|Energy|Oil&Gas
SLB - 36 SLB LTD|Energy|Oil&Gas Services
OXY - 41 OCCIDENTAL PETROLEUM CORP|Energy|Oil&Gas
JNJ - 203 JOHNSON & JOHNSON|Consumer, Non-cyclical|Pharmaceuticals
PFE - 25 PFIZER INC|Consumer, Non-cyclical|Pharmaceuticals
MRK - 96 MERCK & CO. INC.|Consumer, Non-cyclical|Pharmaceuticals
LLY - 1050 ELI LILLY & CO|Consumer, Non-cyclical|Pharmaceuticals
ABBV - 235 ABBVIE INC|Consumer, Non-cyclical|Pharmaceuticals
BMY - 47 BRISTOL-MYERS SQUIBB CO|Consumer, Non-cyclical|Pharmaceuticals
UNH - 320 UNITEDHEALTH GROUP INC|Consumer, Non-cyclical|Healthcare-Services
CVS - 78 CVS HEALTH CORP|Consumer, Non-cyclical|Pharmaceuticals
ABT - 128 ABBOTT LABORATORIES|Consumer, Non-cyclical|Healthcare-Products
TMO - 590 THERMO FISHER SCIENTIFIC INC|Consumer, Non-cyclical|Healthcare-Products
DHR - 225 DANAHER CORP|Consumer, Non-cyclical|Healthcare-Products
PG - 148 PROCTER & GAMBLE CO/THE|Consumer, Non-cyclical|Cosmetics/Personal Care
CL - 79 COLGATE-PALMOLIVE CO|Consumer, Non-cyclical|Cosmetics/Personal Care
MCD - 308 MCDONALD'S CORP|Consumer, Cyclical|Retail
NKE - 64 NIKE INC -CL B|Consumer, Cyclical|Apparel
HD - 340 HOME DEPOT INC|Consumer, Cyclical|Retail
LOW - 230 LOWE'S COS INC|Consumer, Cyclical|Retail
TGT - 88 TARGET CORP|Consumer, Cyclical|Retail
V - 330 VISA INC-CLASS A SHARES|Financial|Diversified Finan Serv
MA - 535 MASTERCARD INC - A|Financial|Diversified Finan Serv
AXP - 345 AMERICAN EXPRESS CO|Financial|Diversified Finan Serv
GS - 785 GOLDMAN SACHS GROUP INC|Financial|Banks
MS - 162 MORGAN STANLEY|Financial|Banks
C - 99 CITIGROUP INC|Financial|Banks
WFC - 84 WELLS FARGO & CO|Financial|Banks
USB - 48 US BANCORP|Financial|Banks
BLK - 1020 BLACKROCK INC|Financial|Diversified Finan Serv
SCHW - 93 SCHWAB (CHARLES) CORP|Financial|Diversified Finan Serv
BX - 142 BLACKSTONE INC|Financial|Private Equity
T 37018770 26 AT&T INC|Communications|Telecommunications
VZ - 41 VERIZON COMMUNICATIONS INC|Communications|Telecommunications
ORCL - 205 ORACLE CORP|Technology|Software
CRM - 230 SALESFORCE INC|Technology|Software
NOW - 820 SERVICENOW INC|Technology|Software
SNOW - 255 SNOWFLAKE INC|Technology|Software
UBER - 86 UBER TECHNOLOGIES INC|Technology|Internet
SPOT - 590 SPOTIFY TECHNOLOGY SA|Communications|Internet
DELL - 122 DELL TECHNOLOGIES -C|Technology|Computers
HPQ - 24 HP INC|Technology|Computers
TSM - 280 TAIWAN SEMICONDUCTOR-SP ADR|Technology|Semiconductors
BABA - 155 ALIBABA GROUP HOLDING-SP ADR|Communications|Internet
NIO - 6 NIO INC - ADR|Consumer, Cyclical|Auto Manufacturers
LMT - 470 LOCKHEED MARTIN CORP|Industrial|Aerospace/Defense
RTX - 172 RTX CORP|Industrial|Aerospace/Defense
NOC - 570 NORTHROP GRUMMAN CORP|Industrial|Aerospace/Defense
UPS - 94 UNITED PARCEL SERVICE-CL B|Industrial|Transportation
FDX - 270 FEDEX CORP|Industrial|Transportation
UNP - 225 UNION PACIFIC CORP|Industrial|Transportation
DAL - 58 DELTA AIR LINES INC|Consumer, Cyclical|Airlines
NEE - 84 NEXTERA ENERGY INC|Utilities|Electric
DUK - 123 DUKE ENERGY CORP|Utilities|Electric
SO - 89 SOUTHERN CO/THE|Utilities|Electric
FCX - 40 FREEPORT-MCMORAN INC|Basic Materials|Mining
NEM - 86 NEWMONT CORP|Basic Materials|Mining
O - 57 REALTY INCOME CORP|Financial|REITS
PLD - 126 PROLOGIS INC|Financial|REITS
AMT - 180 AMERICAN TOWER CORP|Financial|REITS
SAP - 240 SAP SE-SPONSORED ADR|Technology|Software
SHEL - 74 SHELL PLC-ADR|Energy|Oil&Gas
BP - 36 BP PLC-SPONS ADR|Energy|Oil&Gas
BHP - 53 BHP GROUP LTD-SPON ADR|Basic Materials|Mining
RIO - 70 RIO TINTO PLC-SPON ADR|Basic Materials|Mining
RY - 148 ROYAL BANK OF CANADA|Financial|Banks
ING - 25 ING GROEP N.V.-SPONSORED ADR|Financial|Banks
"""

ABROAD = """\
AAPL MEXI MXN 4930 APPLE INC|Technology|Computers
AAPL EBS CHF 215 APPLE INC|Technology|Computers
MSFT MEXI MXN 8930 MICROSOFT CORP|Technology|Software
MSFT EBS CHF 390 MICROSOFT CORP|Technology|Software
NVDA MEXI MXN 3350 NVIDIA CORP|Technology|Semiconductors
TSLA MEXI MXN 7450 TESLA INC|Consumer, Cyclical|Auto Manufacturers
AMZN MEXI MXN 4080 AMAZON.COM INC|Consumer, Cyclical|Internet
SAP IBIS EUR 208 SAP SE|Technology|Software
SIE IBIS EUR 222 SIEMENS AG-REG|Industrial|Miscellaneous Manufactur
BMW IBIS EUR 87 BAYERISCHE MOTOREN WERKE AG|Consumer, Cyclical|Auto Manufacturers
ALV IBIS EUR 360 ALLIANZ SE-REG|Financial|Insurance
DTE IBIS EUR 27 DEUTSCHE TELEKOM AG-REG|Communications|Telecommunications
ASML AEB EUR 870 ASML HOLDING NV|Technology|Semiconductors
INGA AEB EUR 22 ING GROEP NV|Financial|Banks
SHELL AEB EUR 32 SHELL PLC|Energy|Oil&Gas
SHEL LSE GBP 28 SHELL PLC|Energy|Oil&Gas
VOD LSE GBP 0.9 VODAFONE GROUP PLC|Communications|Telecommunications
AZN LSE GBP 135 ASTRAZENECA PLC|Consumer, Non-cyclical|Pharmaceuticals
BP LSE GBP 4.5 BP PLC|Energy|Oil&Gas
RIO LSE GBP 53 RIO TINTO PLC|Basic Materials|Mining
HSBA LSE GBP 10.7 HSBC HOLDINGS PLC|Financial|Banks
MC SBF EUR 615 LVMH MOET HENNESSY LOUIS VUI|Consumer, Cyclical|Apparel
AIR SBF EUR 203 AIRBUS SE|Industrial|Aerospace/Defense
TTE SBF EUR 56 TOTALENERGIES SE|Energy|Oil&Gas
NESN EBS CHF 79 NESTLE SA-REG|Consumer, Non-cyclical|Food
NOVN EBS CHF 103 NOVARTIS AG-REG|Consumer, Non-cyclical|Pharmaceuticals
RY TSE CAD 208 ROYAL BANK OF CANADA|Financial|Banks
SHOP TSE CAD 218 SHOPIFY INC - CLASS A|Communications|Internet
BHP ASX AUD 41 BHP GROUP LTD|Basic Materials|Mining
7203 TSEJ JPY 3150 TOYOTA MOTOR CORP|Consumer, Cyclical|Auto Manufacturers
6758 TSEJ JPY 4400 SONY GROUP CORP|Consumer, Cyclical|Home Furnishings
700 SEHK HKD 620 TENCENT HOLDINGS LTD|Communications|Internet
5 SEHK HKD 110 HSBC HOLDINGS PLC|Financial|Banks
9988 SEHK HKD 155 ALIBABA GROUP HOLDING LTD|Communications|Internet
"""
