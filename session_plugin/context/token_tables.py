"""Pieces and characters that every tokenizer tried knows, for an estimate of tokens.

Made by benchmarks/token_tables.py from o200k_base and cl100k_base of OpenAI and the tokenizer of
DeepSeek V4, all under the MIT license.
"""

INITIAL = """\
t a s th d c p the f m w b o n in l h to re of e v and S g de u y T A C I st for k is M be on
con P D B this wh if r that R it al F as pro j L an with com N ne E se W en return H qu or G you
tr ا he new le from ex O at ch are int un class not U pr by la sh cl was i The z we public ال su
res us str have do J pl V your get ar п can el K self que Th me с ab all par ad cont will out
has up def bo but te In des go function im const void в set System م var н else per vo so lo St
more his they и Y к data dis sa ma one name true end und क null my et no em pre x their man es б
private д id و who time est na which any false Re value li о app Ch about add string ب over т
String ro am ag м type inter а part gr work op sp when col use off other been da our sup pe acc
had bu comp were file would year val some ob there said die ک her co comm del stat ass like let
also It than er This static just ent result them into what pos ت sc list bl case van kn fe first
import act char Tr only print its back need sub para é start user Com à Con We der Q under на
reg then ver Un may Wh Pro org स je пр how people ind jav af He should br з test bet make after
right long di rem ext min ser les د ph fl een loc Int ل array she exp rec Se read real ac rel
form dr che trans por aw want hel number require Ex key los two size where ह arg while ap met
dif spec look could ف know fr If Sh het у hand av most try now him du break ה You cons med every
det point std fil Z mod error text pol show find ع current used sur play log De see cre help
these pass down even א item don did sm through An java inv म New last event again high प line
does tem cr س before ein because ed ke dist state here final inform And run X very best model
person mon way call att cal dec ng num well object As Al years car default ins sim Ar view pres
bel many being good using gu sk stud inst um request child أ param echo arr ge style ve method
expect prot found post sl such sch think differ si den For much ن il exper som http List count г
gener dat check open next opt follow includ Res р href bool game ч path each Pl الم support own
cor mem sign web App those err sol system product same create mak made mark ka vis group fin
License prof dur world bus process main pour aut color report take day comple top free On art
action eff index men не una max build message input between os las מ gl table Le head must order
mov contin dem say ho ter om But ou double place information oper ج week prop ж All To sw من
program ל response fam struct code og without mo ב serv ref So still provid assert cap cas rep
field cour team ه En second going range پ nil Cont fact android writ ret في home left direct pas
Get sin allow tak Cl word beg page different Me Is ca great around rece ر really image target
dep ي both fa put level config τ document local content quest float develop poss Pr too ya
extends None fore online voor month happ super ste Fr Ind ש title context life das incre q src
catch pay coun change sit ce No position old book design за sal gover version three law base э
conf л son during dé console spe ش mit against е Ph power business tot Im Man prote iss cent pa
width zu They Be label х produ Col project element mat success date une tri big Ad At ha map pop
qual few len po ear cle match soc node ist another Gr pat care effect Sc fun como leg service
since non full turn body cho something ku partic stand proble available Bl ni block keep throw
things url ح Bo red Or control come custom source eas await prov mill chang ask output email
disc required govern mu خ Set vol vi might never How hard intern np called dans options Sch
Gener Te height mar small ide access organ protected job There address uint sum Date little fri
port site status appe update link User given ik better feel already including sem always parent
got less Ass Add account lot valid bit following sure prom net boolean đ search qui orig au
invest says commun temp rest equ interest perform dan View von от mult values beh won video ق
hab cert cell player cost hum Sp offic total cu load Br clear ta techn row seem short Not
override company done gre belie wer health args mais Log obj market children term distrib cur ti
days pu initial mus ang plus auf instance javax reason ak Mar mas within ك Data File offer bro
ben school consider ш Array func Text eng include Dr db init She ann stop later That client love
json able Copyright uma La give condition copy Can seg occ Ob appro either Fl important lead
family option exist als Object об ba True water My step Qu government display times four far
present bas wa hist für lib room once results aan continue talk grow Public ré lim mass mean pod
until area length With kan ja kind light side example wr camp ko miss Des based plan away kom
Mon pot lik zijn button Up experience enc render near country author specific Do along express
begin El software ст imp win thing why doesn single إ anal Reg rights الت ant я When women Ed
season dest mag possible sever btn didn ir sent command recent By May Act money по Class told
auto ki State mom ü working protect query window least Amer expl column General tu record making
вы Car Med ans close percent past write move А review special city Eng Par tell select П font Am
aff course late amount async Cal Rep enough dos looking hold Trump va property low price today
polit website adv attack Ste means story meet ess til С Form sort thought ol task Min В Test π
switch Ab above question provide Return research publish vous cover whether div fac having exc
sam employ fre ф complet large created host nicht role Color dev deal á problem press See
services though points ever mot actually bar ident κ million conc understand happen server Co
files often info space password store What vers False gen format hot details prob trav war Free
sich på face har save typ util σ não items social React redu major expected yet indiv food air
members comb Per contact send inc params connection become ev diff United makes global abs
except Pol bed certain impro bir niet Part Event character news device previous material below
Christ media fail black component American added buy came delete card https sus root handle α
getting Dec mil comput claim Sub dig enter location night doing Red pick watch human dam tax
girl box strong personal interface msg house track cou John mal application Ver entre pack pract
section unsigned One wait together profession throws dom terms apply session others mes fund
products several Su template econ University subject esc history Fe individual individ más users
avec future started mode ax Dis took games bad Post needs sn known exec seen К border nov live
uns aus variable Def za provided filename hope bes из young mi Prop ey nos Sie study network ing
limit cut sizeof went fire across lat community visit official Intern uit received token months
hal anim particular eine sob learn decl mach creat mind End quick comment sou dire fut Us admin
Name Type bij opp pur background description represent series blog original nu door bill frame
draw deter comes foreach elect Game ze filter larg М remove Trans در activ front kun Rec cam
quality auch selected according associ ur wor yang printf Val alle ay virtual Pres Exception
moment anything Off hours models Time early center Initial language easy Er inf ago vot download
vari wel students fig buffer Dep Math due ep cannot white register pred auth period od screen
ens tmp benef enjoy States Ne neg ε common cred suggest accept random Vector respons hit iz
click implement Б players These deb among circ answer walk treat Ge Create ten age req whe five
distributed friend clean Em words header Check Н tre York discuss God issue mer land kw stream
works half police simple empty perfect Created cook everything relations nothing running μ prim
ra City West mor Don ny someone bi Some share pag به World din entry changes offset pie Jan
However events este invol whole needed likely fight Out Software inte writing rate tw alg dies
Sm Mark Mr via correct More fall energ development indu elif pret believe ut features minutes
trad collection similar taken isn Integer necess hat bring indic entire Est Ser Read trying
member Cor Sim phys ook namespace foot board situ tool Mc push да please Sw types Die clos для
edit phot Count Europe Russ Str py cult defined obt thread instead Sec idea ich coll film compet
conn compan kon teach phone active death article Cr Pre almost sell О cond applic connect
feature educ Gu gro environment Je compl install complete general asked mis reserved och
signific Ag раз Just purch Error infl св icon party Your Nov vector nie normal further ص
database music speed doc wat taking viol After forward crit failed concern sender potential
published dit Image probably ok consum cir investig beaut returns House weight conditions
exception ú tod module constructor favor ин Now hom Main supp Т loss engine issues parse Bar
stay lower Dem ps exact sobre amb bon former six margin heart geb ao rather building tal
questions что security however inside president graph tag natur attempt под round particip
friends ele North Web President campaign alt chall energy hor behind recomm Sk emp callback Http
ont raise wanted separ Will policy third Inc Gl Message про training Ent Char prior exit ét
release shall South outside Rob imm bal Model ber gar ground unique extra Oct heb tree financ
ach byte sind dating matter Rem Aug shows ball simply fast memory Of sens fit political especial
Euro industry reported resources img prec wrong kl seems maint unit takes autom etc appear pers
fem difficult coming settings nga War Then Foundation quite Д sche oder everyone pretty longer
menu currently relationship Map parameters crush sav cout names þ effort actual fields fix cases
nam National performance focus Apr higher Google itself пер Р significant respect progress mid
Microsoft Comp resource dim direction additional bre numbers companies sound statement alert
contract High Point lines pou sont soon join Pe Start subs fill choose America Value hu office
transform Art inde tamb fn implements werden hash flag Returns note offers است specified sie
upon vert vict opportun inn groups mut Please princip gir risk Il woman gets ign Id pal Our bien
Har endl included Ap Black cause sym multiple і regard deg ah addition various receive zo
increase Open commit сп Mich html mga вс leave strateg ц Console pict align reading clo notice
lock standard padding His states internal با Key especially cross national ren script Assert
problems arch written milit tele Mus bil images platform force Dav Base nh Py über econom í
prevent Service Sen iter пол Sept Home living pattern tout entity integ cy useful feed News
popular Es stre methods dir Det allowed bei impact elements está train ges Republic Task nach
related sil cmd technology Use Brit container decision approach Facebook themselves Component
category contains undefined includes operation production operator argument establish activity
provides Function parameter functions readonly characters reference professional associated
countries manufact customer necessary placeholder released Department properties financial
customers evidence starting recently returned communic username otherwise structure Response
directly arguments beautiful distance comments internet remember September yourself designed
directory election management military solution determin existing analysis computer treatment
involved redirect controller international considered Washington attention situation knowledge
configuration marketing completely practice selection messages opportunity December difference
November education constant positive components throughout creating learning patients dispatch
successful recommend copyright generate favorite happened economic physical discover independ
sometimes attribute interesting population California immediately projects equipment interview
purchase beginning increased International appropri movement announced Internet materials
supported pressure definition thinking challeng organization Application variables officials
effective requests February requires programs described activities expression describe European
Illuminate operations director transport essential benefits instruction Description straight
increasing compared behavior Saturday transaction demonstr individuals successfully Thursday
excellent certainly correspond developed permission although generated Wednesday Business
particularly insurance distribution powerful Congress interested finished instanceof Information
construction duration followed abstract implementation completed strength attributes negative
Security providing determine employees strategy Services appropriate transfer Research Australia
commercial applications disabled applicable connected Register warranty responsible containing
definitely sequence requirements delivery families permissions partners administration continued
Download previously traditional challenge separate capacity Property understanding relative
majority processing compliance hospital generally contents investigation whatever regarding
datetime Christian Americans restrict extension therefore produced football surround Initialize
extremely critical thousands electric destination provider planning agreement protection
transition candidate criminal investment violence pictures solutions construct external exchange
district department documents temperature experiment Republican presence employee selector
redistribute advantage automatically initialize generation limitations Minister independent
androidx continues Management established neighbor identity eventually validate officers
accounts Commission remaining businesses Container registered creation schedule documentation
articles appeared mentioned completion relevant Controller daughter conference Location interval
positions purposes supposed Institute guarante apparent Database offering governing occurred
changing Association prepared Category Christmas slightly watching optional Licensed exercise
spending influence policies coverage Government discussion Material wonderful installed properly
citizens examples photograph maintain experienced procedure Although Committee operating
animation principal religious rencontre conversation shooting presented becoming incident
revealed Dictionary locations opportunities comfortable validation concerns communication
identify According alternative Director combination intended priority navigation audience
shipping standards performed allowing competition restaurant absolute communities possibly
Japanese confirmed versions fighting modified Development identified residents determined
advanced combined marriage represents absolutely executive substant technical resolution
District measures proposed dictionary Connection calculate efficient feedback categories
discount appearance Collection recommended organizations discovered typically metadata committed
highlight encoding candidates decisions collabor authority developing instructions requested
intelligence Observable typename explained standing authorities familiar commands Settings
thoughts execution shopping processes entirely animated expensive Democratic isinstance
dangerous currency percentage accident Language leadership timestamp listener experiences
explicit architect vehicles chemical affected hundreds politics consumer repeated protocol
challenges creative introduced implemented notification supports controls extended believed
Environment handling launched friendly frequency depending sentence concerned accepted Education
detailed specifically millions Assembly channels responsibility Resource Standard interests
hardware Document Technology approved differences researchers suggested Properties relationships
Canadian websites migration substantial significantly signature impossible relatively conflict
Community speaking university algorithm numerous commission confidence vertical environmental
corresponding threshold obtained complaint quantity greatest Configuration registration
dedicated statements Optional Customer fragment receiving comparison scientific Password
Democrats practices anywhere Position Secretary attached Variable television recorded correctly
distinct Solution fundament facility happening arrested neighborhood techniques repository
providers replaced matching displayed delivered assigned supporting patterns framework teaching
machines importance Required interrupt bringing relation rotation increases professionals
reaction minister domestic Carolina cultural surprise Republicans industrial facilities
committee division identifier reporting encounter considering suitable emergency corporate
dimension contrast advertising Francisco criteria broadcast resulting estimated improved
consistent contained Virginia
"""
"""Pieces that are one token after a space."""

INNER = """\
in er en on re at or es an he is ar it al le ou as ing ic et ion ed el ro ent nd st ct om il am
id im ad ur ch ut ol ig se ot em ag iv qu ay ac ul os if od tr un est ab ate ir ow us ation ort
um ie ter ce our ap th av ers te end ist ak ly pe and res ub oc ess ith ame ver port ass lic ue
op out ht ction age og iz ip ex int ill ant urn art ik ment ore rom ere ine ang ind get ain ok
ib ud pl turn ect ia ity con per ata orm ack ile pt import able ial ost cl ies ov ust ult ave nt
ld ight ublic ive all act ire ell ard ser ice ord ff ne de ra ans ide ase ure ast ob In pr com
ime are ont ype ite pp iew ail ace ode ach ll ij ge elf str one rou St ens du form ich ong cc xt
ра pon ber Re ath io ject ign ork ve lo ome ст ize au ull ions der ook ance ould put ient ен ext
ated yst ous so ple erv par cr ress ck ert ey ount ma ake ary up vent ory pro ft ear unction err
ystem ан row ug ien ah ual this ock we fer div Name ition ri ery ink eng ek ng cre ound gr name
app ier Id ree Con ors String ose text lect ild che ations iel ical ann to ew ов own ark ther
ener ps List cept gh Pro odel ph ement ings add ар ike ool ade The set ivate und ão atch ung
clud Ex her vel ick ater rr ec iss ton ал ер ep inal ол les return ат tt enc ет ays me ove ange
anc Com quest ado ven eth fo az data ef ence led ss alse ava ents ise View ry pos ank val oy ит
ish eb ال sh pec oint reat ble que ix duct tem aw line Th tion abel Cont ор sp ely irst ió
public self mer uk Type ied rit ale essage arg ific ield oll erm uch dd cess Data vo co ada ان
ian Res Ch ty eg ны ese ervice ash ом ox umber uth Col ator ner pect igh any lement aj ел од fig
ait ke yn Text old ger view erson ни als red read tern ión ten li ource def urrent roup ception
date ار ute но wo quire let its uct param son ict ai ax ating ys ader cont oun ates To ices itt
Cl new utton ning ues Tr ond arch ли uf user vid ible yle ength very ponse of iet ог class ault
ask Ob ages ames be var clude ument на ana roll ole ular min ful til na ople ows amp air rol ina
от ta ات ics error ethod ze af ho ody ml ts ins ww En ем itle ente ica By Se Par je Item value
ious work ause print ка lick ule ense ures ower arr raw ces ments urs ities ayer ember day Value
ler ender ustom ла olog ки string ateg lection den oth const la ед irect ari ession ren bo gram
br он ern Im wa load rough ha ets orld uc hed fr atus ой ting ção no bl Object és ponent ood
ility Exception wn ush ux ms да yp tra iver ager col ative word reg url try rap ons ream ily
iness Get ym use ccess uss aut fore idth fl icht ats User using ends serv ka amb ui ية ough ife
ais ref void ior State ased ам cond key ene ام ars ni unc De Time ся rem php for cent ouse ru
ackage ак ature ister ür ational ara ouble ote ience round ور ider rror uff ivers ando action
ersion arn oin include Set ify ane rite umn els ин arget Ind htt leg att play hr ayout press
ants ines lease Key ride Service ution roid ced za util item era velop He ja org emb Wh opy ward
wh ino alk vis cription об ya Event ос ocument ست ited ized cript ci ес ante land ación idad aar
log Info uit other order ken ally ama cho ér kt We ttp Button umm Sh dit alth то ollow ails Pl
ros unt struct back mp arm On ique An ва ga roller atur Qu pre Model At Man ams ек Or tn Error
index ital ida ample ives Un ware им uthor ste File comm rop ache ector loat ил ás ido Over oad
face fe Request As ional Map oh man chn file go enu Color Ar ours imes td vert iter ared by
ually erg Al ason atic ains ailable ocation enn ini rc ism Index eter ول ijn ament lication
Element itch lete Form ие ght do ivity ого Test ye ico ua ados ih package ott oto ideo ios oot
ля right ero gen aterial Int export ident ир ape ks Le oken type This hip ora Date ather come po
result Context ей ala da ined Box ок ql olean create ож ters ende nen ween ists Size sole orn
une App Of ocal ай ainer lected Add Class ita iment اد ync Em input ía lich All indow لى itor
ige Field pace ploy Path ctions trans search itial indows ira list ump icle Ad aining For Up ас
raph rows wer ots ост ias define iving less Node ura function stance men ird ela Log ified omb
Array uil ission span ру та Message ric Component Group ili ished ato site ever mit inc Result
ways urch Manager sc Image ency Override lock else pty Config ness Act ств tes erc ti irm Code
heck ross from ти är Des uck ijk html aff ization stand Val off va Not ör not ee ium uro cul
With iles ée plate over por http posit ically oss orth omen ags vir اب pen ав Pr Hand ln ий
Controller aan ito ilter ron iven ential query ift vol ading Sc pons ис anel bar older ena reate
met ategory ny ati ali ipp oney aving ου ingle Fr Is ground ology оз adi ved ittle ani oud code
www ypes thing ур inter sg the lar book api ume private ards rist ba ogle из ika ير zi creen ben
ki ference ano resent pring оль Layout inn config ief No ification Param cle eld lex ona chen
assword Response test vec Gr valid label lt ips It px oci med pert Opt ima Out max ables Status
iones Be place zen aces Trans gg content char ending idget Ent cur fect alt ething ination Input
ived ories pecial init én elt mb isk uffer ille len tings uration cer true System ling angu Page
room If Util acter ves atures array igen image ель object opt ids ought Equ уд Inter rl irt аз
iy ид ای oi check Count ialog ula Table earch ret uild And Label New amente ез 在线 Reg pi ao ales
ands Listener ources Def resh elle cht cord umb ativ iled isa mon way Pos Str aps oute Client
img eder Click ude rawing ances ques uilder Dis Action ario aa enter ede uid otal ibr agement
ability cia ormal ii ут You aka mt aster eta ko idade ores iginal gl Content ones idd viron
ision igned riter andom avor ights head Sub Det yl atis fter ready Line arge vers لا ین ills
icon ın hi db ми mo Number comp ieve zy ched ить án acc оп ately ador ocus map uy ود ired ões ca
ения imer orage ici ité Ser gress actory ette Column Ph oo post ules اء uto acy joy apt sk endo
ив odes context my iversity aper sub cha aph Instance vious mand open fic request ences pository
ista yd summary Entity yr ican abled icy ently iod From imal ained apter ск iti ação αι Property
Control pa mi ension не ét ites ên adas аль embers annel ended board ering message 视频 assert
option link lev box ных Query wing akt ster ön ls Style md fort umer ither agen ention select
opp ename una icro ça button obile raft ouch plit unk amos ри update format uz clus tre anguage
ют iction di anks upport ande rect ides json aring web des ès opyright eters yles ji ém Handler
ored bol conom zo ku Collection hel abil itive https aur abor mente path Edit Stream ци rix utes
table js än default aba Point dis ply Arg mas eren ably udio Url vironment Fl lation ury ades
ograph ад email obj static response thers Vis aat args ients uns Ab ibility elo net icial avig
Pre group ases ivo ponents ные ев ral Menu side Select ère ного ley atform ured uh ку jo nes
Check ports ной pose sol ты asi Per ohn Token El ney sel ges aim iff unch ottom Read Start size
ня elling kan ony izer isi уч sl ube mission position ements oon iro ение ging ма ün Us elijk
where cy left Product imo mm ete dr Builder ternal gy artment cover ifier ival оч imum ctor uis
uments num title sa La time lish kl ication ella ema Post cel aga atter mes uer uccess uel Bar
amento vi ус Ref react uts ungen ops aint arning down рав ione outh Comp ulation ár body Http
lege formation ince ções Call Link True anda ocket oke Mod atal Method lin ipe ju field itter
etch aged Activity df uly arl orr oom End ilt ую ный ker si rij uring ounds iga namespace mun
Null رو eller vider annot erd ры script Source framework What ram их Change ators parse mod еб
point Order params Factory iste cret ко Base сп agn ural ент parent уп abe anto اس service Sp yo
atabase Back source imate ami change pond remove used Acc std anch Update oved aging fa
Repository ila cribe ording oper color еп uri iday uint dated aking ется idden stit mark active
apping One ilar ball ising kn ison Mode iento model iri ged aya ental height Create pu gt edd
ester inding zer gu atu Off osp Width ées iful hand encia quired inate zt antes fully ola ensive
elen endif ipo ogn cast icles ät start ingen yt argin anger ón ires Valid product ят inary
Command ун eft server just pend state istance How Module Hel most Const iddle wards structor
adio req lear iple rea anz page Cell ít Grid Address Options Default ixed ijd iki аб iate urther
nh leep iten null adding unit lim Attribute reet lu aha Title count Child base has header edia
Integer My ум valu hen ele asure aux curity år center Block imple يل itted ход Panel oman root
atie Icon ignment itions Me inder itar hal Row Load amm idades author show quals oma icas olo
ises lig illa Fe
"""
"""Pieces that are one token where no space precedes."""

SINGLE = (
    "\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¹º»¼½¾¿ÀÁÂÃÄÇÉÍÎ"
    "ÐÑÓÖ×ÚÜßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýāăą"
    "ćčĐđēęěğīİıłńōőœřśşšţťūůűźżžơưșțə\u0300\u0301άέήία"
    "βγδεηθικλμνοπρςστυφχωόАБВГДЕЗИКЛМНОПРСТУ"
    "ФЦЧЭЯабвгдежзийклмнопрстуфхцчшщъыьэюяёіא"
    "בדהוחילמנערשת،أإابةتثجحخدذرزسشصضطظعغفقكل"
    "منهوىي\u064e\u064f\u0650\u0651\u0652پکگی\u0902कतनपमरलसह\u093e\u093f\u0940\u0941\u0947\u094b\u094dনর\u09be\u09bf\u09c7\u09cd\u0bbfก"
    "ขคงจชณดตถทนบปผพมยรลวสหอะ\u0e31าำ\u0e34\u0e35\u0e37\u0e38\u0e39เแใไ\u0e47\u0e48\u0e49\u0e4c"
    "\u17b6ạảấầẩậắặếềểệỉịọỏốồổỗộớờởụủứửữự\u200b‐‑–—―‘’‚"
    "“”„†•…‰′″›※₂€™←↑→↓−─━│█░■►●★☆♀♥♪✔\u3000、。《》「」"
    "『』【】〜あいうえおかがきくけこごさざしじすせそただちっつてでとどなにのはばまみ"
    "めもやよらりるれろわをんアィイウェエオカキクグコサシジスズセタダチッテデトドナニ"
    "バパビピフブプペポマムメャュョラリルレロン・ー一万三上下不与专业东两个中串为主么"
    "义之也书了事二于五些交产享京人亿今介从他付代以们件价任份企优会传但位体何余作你使"
    "例供価保信修元先入全公共关其具内円册再写出击分列则初利别到制力功加务动包化北区十"
    "午华单南即参及友反发取变口只可台右号司合同名后向否含听启和商問四回因国图土在地场"
    "型处备复外多大天失头如子字存学安宋完定实审客家容密对导将小少尔就局展山州工左已平"
    "年并广序库应店度开异式引张当录形影径待後得微心必志态思性总您成我或户所手打找技投"
    "报排接推提支收改放政效数整文料断新方族无日时明易星是時更最月有服期木未本机权束条"
    "来板构析果查标样核格模止正此步歳法注流海消清游点片版物特生用由电男画界登的监目直"
    "相知码示社私种科秒称移第米类系组经结给络统编能自至英行表西见规视角解计认议记论设"
    "证评试话询该详语误说请读身辑输达过运近还这进连述退送选通速造連都配释里重量金销错"
    "键门闭问间陆限院除音页项验高黑가간값개거게결경고공과구그글기나내니다당대도동되된"
    "드든들디라로록리만메면명목문버번보복부분비사상생서성세소수스습시식신아야어에여열"
    "오와요용우운원위으은을음의이인일임입자작장재적전정제져조주지진째체출치크태하한할"
    "함해호화환회\ufe0f\ufeff！（），－．／０１２３４５６７８９：；＞？～･￥�"
)
"""Characters beyond ASCII that are one token."""

ENDINGS = """\
s d e y ed er es en ly al ic est ers ing ings ion ions ity ies ive ment ness less ful able ate
ated ating ation ations isation isations ization izations ities ized ance ence ally
"""
"""Endings that are mostly one token with a frequent word."""

PAIRS = """\
0080-07FF 0900-0AFF 0B80-0EBF 0F00-0F7F 1000-103F 10C0-10FF 1780-17FF 1E80-1EFF 2000-20BF
2100-21BF 2200-227F 2440-247F 2500-267F 2700-27BF 3000-30FF 3140-317F 4E00-507F 50C0-50FF
5140-547F 54C0-55BF 56C0-577F 57C0-597F 59C0-59FF 5B40-5CBF 5DC0-607F 60C0-613F 6200-63FF
6440-64BF 6500-687F 68C0-68FF 6940-697F 6B00-6F3F 7040-707F 7100-713F 7200-727F 7380-743F
7500-757F 7640-777F 7840-78BF 7900-7BFF 7C40-7CBF 7D00-7D7F 7E80-7FBF 8000-80FF 81C0-837F
83C0-843F 8640-867F 8840-88FF 8980-8ABF 8B40-8DFF 8F40-90FF 91C0-91FF 9300-933F 9480-977F
9800-98FF 9980-99BF 9A40-9A7F 9EC0-9EFF 9F80-9FBF AC00-ACFF AD40-AD7F ADC0-AE7F B080-B0BF
B100-B17F B280-B2FF B340-B37F B3C0-B43F B4C0-B53F B780-B87F B8C0-B8FF B940-B9FF BA40-BABF
BBC0-BC3F BC80-BCFF BD80-BDBF BE00-BE3F C080-C1BF C280-C2FF C540-C7BF C800-C83F C900-C93F
C980-C9FF CC00-CC3F CC80-CCBF CD80-CDBF CE40-CE7F D040-D07F D0C0-D13F D280-D2BF D300-D33F
D540-D57F D600-D67F FE00-FE3F FF00-FFFF
"""
"""Ranges of characters that are at most two tokens."""
