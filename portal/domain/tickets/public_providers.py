"""Domains at which anybody gets an address: internet providers with mail for their customers, and mail services.

Who writes from one is known by the whole address only, as their neighbour there is a stranger. Written by hand, by
country, with providers that are gone where their addresses still work; no list can be whole, so it is the last of
several checks (``senders.company_of``). A name stands for whatever is below it too (``jansen.demon.nl``).
"""

from __future__ import annotations

_WORLD = """
10minutemail.com aim.com aol.com att.net ctemplar.com dispostable.com disroot.org duck.com email.com fastmail.com
fastmail.fm fastmail.net fastmail.to fastmail.us firemail.cc gmail.com gmx.com gmx.net gmx.us googlemail.com
guerrillamail.com hey.com hotmail.com hush.com hushmail.com hushmail.me icloud.com iname.com inbox.com inbox.lv
jpost.com kolabnow.com lavabit.com live.com lycos.com mac.com mail.com mailbox.org maildrop.cc mailfence.com
mailinator.com me.com mozmail.com msn.com mykolab.com myself.com netscape.net ok.de onionmail.org outlook.com
passmail.net passport.com pm.me post.com privaterelay.appleid.com proton.me protonmail.ch protonmail.com
rediffmail.com riseup.net rocketmail.com runbox.com sharklasers.com simplelogin.com startmail.com swissmail.org
temp-mail.org tempmail.com thexyz.com trashmail.com tuta.com tuta.io tutamail.com tutanota.com tutanota.de usa.com
usa.net windowslive.com workmail.com yahoo.com ymail.com yopmail.com zoho.com zoho.eu zohomail.com zohomail.eu
"""
_NETHERLANDS = """
12move.nl 3mail.nl aol.nl bart.nl caiway.net caiway.nl casema.net casema.nl chello.nl cistron.nl compuserve.nl
concepts-ict.nl concepts.nl cs.com dds.nl delta.nl deltanet.nl deltaxs.nl demon.nl dutch.nl edpnet.nl euronet.nl
filternet.nl freedom.nl freeler.nl freemail.nl freshmail.nl glazenkamp.net hccmail.nl hccnet.nl het-net.nl hetnet.nl
home.nl hotmail.nl iae.nl inter.nl inter.nl.net kabelfoon.net kabelfoon.nl kabelnoord.net kabelnoord.nl kabeltex.nl
kliksafe.nl knid.nl knoware.nl kpn.nl kpnmail.nl kpnplanet.nl lijbrandt.nl live.nl lycos.nl mail.nl multiweb.nl
nederland.net net.hcc.nl netvisit.nl nokabel.nl online.nl onsbrabantnet.nl onsnet.nu onsneteindhoven.nl
onsnetnuenen.nl orange.nl outlook.nl pandora.nl planet.nl post.nl quicknet.nl raketnet.nl rekam.nl rendo.nl scarlet.nl
skpnet.nl skv.nl sneek.net solcon.com solcon.nl speedlinq.nl speedxs.nl stipte.nl t-mobile.nl t-mobilethuis.nl
tele2.nl tele2mail.nl telfort.nl telfortglasvezel.nl tiscali.nl tiscalimail.nl tref.nl trined.nl tweak.nl unet.nl
upcmail.nl versatel.nl versatelmail.nl vodafone.nl vodafonethuis.nl vuurwerk.nl wanadoo.nl wirehub.nl wish.net
worldonline.nl wxs.nl xms.nl xmsnet.nl xs4all.nl yahoo.nl youfone.nl zeelandnet.nl ziggo.nl ziggomail.com zonmail.nl
zonnet.nl
"""
_BELGIUM_LUXEMBOURG = """
advalvas.be base.be belcenter.be belgacom.be belgacom.net brutele.be chello.be dommel.be dommel.com edpnet.be
euphonynet.be fulladsl.be gmx.be hotmail.be internet.lu live.be luxmail.lu mail.be mobistar.be mobistarmail.be
orange.be outlook.be pandora.be perso.be pi.be ping.be planetinternet.be proximus.be pt.lu scarlet.be
schedom-europe.net skynet.be tele2.be tele2allin.be telenet.be tiscali.be tiscalinet.be tvcablenet.be versadsl.be
versateladsl.be village.uunet.be vodafone.lu voo.be wanadoo.be win.be yahoo.be yucom.be
"""
_GERMANY_AUSTRIA_SWITZERLAND = """
1und1.de a1.net aikq.de alice-dsl.de alice-dsl.net alice.de aon.at arcor.de bluemail.ch bluewin.ch chello.at
compuserve.de directbox.com eclipso.de eclipso.eu email.de emailn.de epost.de ewe.net ewetel.net firemail.de
freemail.de freenet.de genion.de gmx.at gmx.ch gmx.de gmx.eu gmx.info green.ch hispeed.ch hotmail.at hotmail.ch
hotmail.de htp-tel.de inode.at kabelbw.de kabelmail.de kabsi.at live.at live.ch live.de liwest.at luckymail.de
lycos.de m-net.de magenta.de mail.de mailo.de mnet-mail.de mnet-online.de mymail.ch net-cologne.de netcologne.de
netcom-kassel.de netplus.ch nexgo.de o2mail.de o2online.de online.de online.ms onlinehome.de osnanet.de outlook.at
outlook.de posteo.at posteo.ch posteo.de posteo.eu posteo.net quickline.ch quickline.com rocketmail.de
salzburg-online.at secure-mail.ch smart-mail.de solnet.ch sunrise.ch swb.de swissonline.ch t-mobile.at t-mobile.de
t-online.de t-online.net tele2.at tele2.de telering.at tiscali.at tiscali.de tiscalinet.ch tkd.at unity-mail.de
unitybox.de upcmail.at utanet.at versanet.de vodafone.de vodafonemail.de vol.at vtxmail.ch vtxnet.ch web.de
wilhelm-tel.de wtnet.de yahoo.at yahoo.ch yahoo.de ymail.de
"""
_FRANCE_SPAIN_PORTUGAL = """
9business.fr 9online.fr aliceadsl.fr aol.fr bbox.fr bouygtel.fr bouyguestelecom.fr caramail.com caramail.fr cario.fr
cegetel.net clix.pt club-internet.fr cybercable.fr dartybox.com dbmail.com estvideo.fr euskalnet.net euskaltel.net
free.fr freesbee.fr freesurf.fr gmx.es gmx.fr gmx.pt guideo.fr hotmail.es hotmail.fr hotmail.pt ibest.pt infonie.fr
iol.pt jazzfree.com jazztel.es laposte.net lapostemail.fr libertysurf.fr live.com.pt live.fr lycos.es lycos.fr mac.fr
mail.pt mailo.com meo.pt modulonet.fr movistar.es msn.fr mundo-r.com net-c.com net-c.es net-c.fr netcabo.pt
netcourrier.com neuf.fr nordnet.fr nos.pt numericable.com numericable.fr oninet.pt ono.com orange.es orange.fr
outlook.es outlook.fr outlook.pt portugalmail.com portugalmail.pt r.es sapo.pt sfr.fr skynet.fr telecable.es
telefonica.net telepac.pt terra.es tiscali.es tiscali.fr vodafone.es vodafone.pt voila.fr wanadoo.es wanadoo.fr
worldonline.fr ya.com yahoo.es yahoo.fr ymail.fr
"""
_ITALY_GREECE_MALTA = """
alice.it aruba.it blu.it cheapnet.it email.it eolo.it fastweb.it fastwebnet.it forthnet.gr gmx.it go.net.mt hol.gr
hotmail.gr hotmail.it infinito.it interfree.it inwind.it iol.it jumpy.it kataweb.it legalmail.it libero.it live.it
mail.gr maltanet.net mclink.it melita.com msn.it ngi.it onvol.net otenet.gr outlook.com.gr outlook.it pathfinder.gr
pec.it poste.it postecert.it supereva.it tele2.it teletu.it tim.it tin.it tiscali.it tiscalinet.it virgilio.it
vodafone.it wind.it windowslive.it yahoo.gr yahoo.it ymail.it
"""
_BRITAIN_IRELAND = """
aol.co.uk blueyonder.co.uk bt.com btconnect.com btinternet.com btopenworld.com clara.co.uk clara.net compuserve.com
demon.co.uk dsl.pipex.com eclipse.co.uk ee.co.uk eircom.net f2s.com fastmail.co.uk force9.co.uk freenet.co.uk
freenetname.co.uk freeserve.co.uk freeuk.com fsmail.net fsnet.co.uk gmx.co.uk googlemail.co.uk hotmail.co.uk
hotmail.ie imagine.ie indigo.ie iol.ie lineone.net live.co.uk live.ie lycos.co.uk madasafish.com magnet.ie manx.net
metronet.co.uk myphone.coop mypostoffice.co.uk ntlworld.com o2.co.uk o2.ie oceanfree.net onetel.com orange.net
orangehome.co.uk outlook.ie phonecoop.coop pipex.com plus.com plus.net plusnet.co.uk post.co.uk postmaster.co.uk
rocketmail.co.uk sky.com supanet.com sure.net talk21.com talktalk.co.uk talktalk.net tesco.net three.co.uk
tiscali.co.uk toucansurf.com uwclub.net virgin.net virginmedia.co.uk virginmedia.com vodafone.co.uk vodafone.ie
waitrose.com wanadoo.co.uk which.net windowslive.co.uk yahoo.co.uk yahoo.ie ymail.co.uk zen.co.uk zoom.co.uk
"""
_NORTH = """
altibox.no bahnhof.se bigpond.dk bostream.nu bredband.net bredband2.com bredbandsbolaget.se brev.dk broadpark.no
c2i.net chello.no chello.se comhem.se cybercity.dk dlgtele.dk dnainternet.net elisa.fi elisanet.fi email.dk
fastmail.se fibermail.dk frisurf.no getmail.no glocalnet.net gmx.dk halebop.se home.se hotmail.dk hotmail.fi
hotmail.no hotmail.se inet.fi internet.is jubii.dk jubiimail.dk kabelnettet.dk kolumbus.fi kotiposti.net live.dk
live.fi live.no live.se luukku.com lyse.net mail.dk mailme.dk msn.no netcom.no nettkonto.no ofir.dk online.no
outlook.dk outlook.no outlook.se passagen.se post.cybercity.dk post.dk post.tele.dk post11.tele.dk post12.tele.dk
pp.inet.fi privat.dk profibernet.dk saunalahti.fi sensewave.com siminn.is simnet.is spray.se start.no stofanet.dk
sunpoint.net suomi24.fi swipnet.se tdc.dk tdcadsl.dk tele2.no tele2.se telenor.dk telenormail.no telia.com telia.se
tiscali.dk tiscali.no tiscali.se tutanota.se utfors.se visir.is vortex.is webspeed.dk welho.com yahoo.dk yahoo.fi
yahoo.no yahoo.se ymail.se youmail.dk yousee.dk
"""
_MIDDLE_AND_EAST = """
abv.bg atlas.cz atlas.sk azet.sk bih.net.ba bk.ru bol.bg centrum.cz centrum.sk chello.cz chello.hu chello.pl chello.sk
citromail.hu clicknet.ro delfi.ee delfi.lt dir.bg eesti.ee email.bg email.cz email.hu email.ro email.si email.sk
email.t-com.hr emailgo.pl freemail.hr freemail.hu gazeta.pl gmail.ru gmx.pl go2.pl home.pl home.ro hot.ee hotmail.cz
hotmail.hu hotmail.rs i.ua inbox.lt inbox.ru indamail.hu inmail.sk interia.eu interia.pl internet.ru invitel.hu
iskon.hr iskonmail.hr k.ro laposte.cz list.ru live.ru mail.ba mail.bg mail.ee mail.ru mail.t-com.me mail.telekom.rs
mail.ua meta.ua neostrada.pl net.hr netcabel.ro neti.ee nextra.cz o2.cz o2.pl onet.com.pl onet.eu onet.pl online.ee
op.pl open.by orange.pl orange.ro orangemail.sk outlook.cz outlook.hu plus.pl pobox.sk poczta.fm poczta.onet.pl
poczta.pl post.cz post.sk ptt.rs ptt.yu quick.cz rambler.ru rambler.ua rdslink.ro romtelecom.ro sbb.rs seznam.cz
siol.com siol.net siol.si spoko.pl starnet.md stonline.sk szm.com szm.sk t-2.net t-com.hr t-com.sk t-email.hu
t-mobile.cz t-online.hu tele2.hr telekom.rs tiscali.cz tlen.pl tut.by tvn.hu ukr.net ukrpost.ua upcmail.cz upcmail.hu
upcmail.ro upcpoczta.pl vip.hr vipmail.hu vivacom.bg volny.cz vp.pl wp.eu wp.pl xnet.hr ya.ru yahoo.pl yahoo.ro
yandex.by yandex.com yandex.kz yandex.ru yandex.ua zoznam.sk
"""
_TURKEY_AND_NEAR = """
012.net.il aol.com.tr barak.net.il bezeqint.net eim.ae emirates.net.ae etisalat.ae gmx.com.tr hotmail.co.il
hotmail.com.tr live.com.tr maktoob.com menara.ma mynet.com netvision.net.il outlook.com.tr outlook.sa superonline.com
ttmail.com ttnet.net.tr ttnetmail.com walla.co.il walla.com windowslive.com.tr yahoo.com.tr yandex.com.tr
"""
_AMERICAS = """
aliant.net alltel.net ameritech.net bell.net bellnet.ca bellsouth.net bol.com.br cableone.net cantv.net
centurylink.net centurytel.net charter.net cogeco.ca cogeco.net comcast.net cox.net earthlink.net eastlink.ca
embarqmail.com etb.net.co excite.com fibertel.com.ar fibertelecom.com frontier.com frontiernet.net fuse.net globo.com
globomail.com gmx.ca gvtc.com hawaii.rr.com hotmail.ca hotmail.cl hotmail.com.ar hotmail.com.br hotmail.com.mx
hughes.net ig.com.br insightbb.com itelefonica.com.br juno.com knology.net live.ca live.cl live.com.ar live.com.mx
mediacombb.net metrocast.net mindspring.com mts.net mymts.net netscape.com netzero.com netzero.net nycap.rr.com
oi.com.br optimum.net optonline.net optusnet.com outlook.cl outlook.com.ar outlook.com.br pacbell.net peoplepc.com
prodigy.net prodigy.net.mx q.com r7.com rcn.com roadrunner.com rogers.com rr.com sasktel.net sbcglobal.net shaw.ca
snet.net spectrum.net speedy.com.ar suddenlink.net superig.com.br swbell.net sympatico.ca tds.net telus.net terra.com
terra.com.br tigo.com.co toast.net twc.com uol.com.br verizon.net videotron.ca vidotron.ca wavecable.com
wideopenwest.com windstream.net wowway.com xfinity.com xplornet.ca xplornet.com yahoo.ca yahoo.cl yahoo.com.ar
yahoo.com.br yahoo.com.co yahoo.com.mx zipmail.com.br
"""
_ASIA_PACIFIC_AFRICA = """
126.com 139.com 163.com 163.net 188.com 189.cn adam.com.au airtelmail.in aliyun.com aol.jp au.com bigpond.com
bigpond.com.au bigpond.net.au bsnl.in chariot.net.au clear.net.nz daum.net docomo.ne.jp dodo.com.au ezweb.ne.jp
foxmail.com gmx.com.sg gmx.hk hanmail.net hinet.net hotmail.co.id hotmail.co.in hotmail.co.jp hotmail.co.nz
hotmail.co.th hotmail.co.za hotmail.com.au hotmail.com.hk hotmail.my hotmail.sg iafrica.com ihug.co.nz iinet.net.au
indiatimes.com internode.on.net iprimus.com.au lantic.net live.cn live.co.za live.com.au live.com.my live.com.sg
live.hk live.in live.jp mailbox.co.za mtnloaded.co.za mweb.co.za nate.com naver.com netspace.net.au netvigator.com
nifty.com ntlworld.in ocn.ne.jp on.net optusnet.com.au orcon.net.nz outlook.co.id outlook.co.nz outlook.co.th
outlook.com.au outlook.in outlook.jp outlook.kr outlook.my outlook.ph outlook.sg ozemail.com.au pacific.net.sg
paradise.net.nz plala.or.jp pldtdsl.net qq.com rediff.com saix.net seed.net.tw sify.com sina.cn sina.com
singnet.com.sg slingshot.co.nz so-net.ne.jp softbank.ne.jp sohu.com spark.co.nz starhub.net.sg streamyx.com
telkomsa.net telstra.com tm.net.my tpg.com.au vip.163.com vip.qq.com vodacom.co.za vodafone.co.nz vodamail.co.za
vsnl.com vsnl.net webmail.co.za westnet.com.au wo.cn xtra.co.nz yahoo.co.id yahoo.co.in yahoo.co.jp yahoo.co.kr
yahoo.co.nz yahoo.co.th yahoo.co.za yahoo.com.au yahoo.com.cn yahoo.com.hk yahoo.com.my yahoo.com.ph yahoo.com.sg
yahoo.com.tw yahoo.com.vn yahoo.in yeah.net
"""
_ALL = (
    _WORLD, _NETHERLANDS, _BELGIUM_LUXEMBOURG, _GERMANY_AUSTRIA_SWITZERLAND, _FRANCE_SPAIN_PORTUGAL,
    _ITALY_GREECE_MALTA, _BRITAIN_IRELAND, _NORTH, _MIDDLE_AND_EAST, _TURKEY_AND_NEAR, _AMERICAS, _ASIA_PACIFIC_AFRICA,
)  # fmt: skip

PUBLIC_PROVIDERS = frozenset(" ".join(_ALL).split())


def is_public(domain: str) -> bool:
    """Whether anybody gets an address at this domain, in lower case, or at one that it is below."""
    labels = domain.split(".")
    return any(".".join(labels[start:]) in PUBLIC_PROVIDERS for start in range(len(labels)))
