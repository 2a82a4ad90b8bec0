"""Pairs of statements that must stay two, and pairs that are one, in twelve languages."""

from typing import Final

APART: Final = (
    # negation
    (
        "The assistant did mention the side effects of the medication",
        "The assistant did not mention the side effects of the medication",
    ),
    (
        "Nobody told me that the warranty had expired before I paid for the repair",
        "Somebody told me that the warranty had expired before I paid for the repair",
    ),
    (
        "The export works with every browser that our team has installed",
        "The export works with no browser that our team has installed",
    ),
    (
        "I was able to finish the order after I had cleared the cache of my browser",
        "I was unable to finish the order after I had cleared the cache of my browser",
    ),
    (
        "The answer is complete and accurate, and the sources it lists are real",
        "The answer is incomplete and accurate, and the sources it lists are real",
    ),
    (
        "The assistant never asks for my permission before it sends the mail",
        "The assistant always asks for my permission before it sends the mail",
    ),
    ("It hardly ever finds the right article in the help centre", "It ever finds the right article in the help centre"),
    (
        "The summary is neither short nor correct, which makes it useless for our weekly report",
        "The summary is short and correct, which makes it useful for our weekly report",
    ),
    # numbers, units, versions, dates, amounts
    (
        "The upload stops at 85 percent on every attempt since Monday morning",
        "The upload stops at 58 percent on every attempt since Monday morning",
    ),
    (
        "My invoice from 3 March lists two licences although we ordered three",
        "My invoice from 3 March lists three licences although we ordered two",
    ),
    ("The page takes 5 seconds to load on a fast connection", "The page takes 15 seconds to load on a fast connection"),
    (
        "Since release 4.2 the calendar shows every meeting twice",
        "Since release 4.20 the calendar shows every meeting twice",
    ),
    (
        "The recipe says to bake the bread at 200 °C for an hour",
        "The recipe says to bake the bread at 200 °F for an hour",
    ),
    (
        "The parcel weighs 2 kg but the label says something else",
        "The parcel weighs 2 lb but the label says something else",
    ),
    (
        "The model claims that the war ended in 1945 and gives no source for it",
        "The model claims that the war ended in 1954 and gives no source for it",
    ),
    (
        "The discount of -10 % isn't applied to the yearly plan in the cart",
        "The discount of 10 % isn't applied to the yearly plan in the cart",
    ),
    (
        "The flight leaves at 7:45 and not when the assistant said",
        "The flight leaves at 17:45 and not when the assistant said",
    ),
    # names
    (
        "Login with Google fails on the new tablet of my daughter",
        "Login with Apple fails on the new tablet of my daughter",
    ),
    (
        "The driver was sent to Vienna although I live in the other city",
        "The driver was sent to Vilnius although I live in the other city",
    ),
    (
        "The reply of Julia was friendly and she solved the problem at once",
        "The reply of Julian was friendly and she solved the problem at once",
    ),
    (
        "Support for Python in the code editor is broken since the update",
        "Support for PyPy in the code editor is broken since the update",
    ),
    (
        "The connector for Postgres loses rows when two jobs run at the same time",
        "The connector for MySQL loses rows when two jobs run at the same time",
    ),
    (
        "The Windows client forgets my password each time I restart it",
        "The Linux client forgets my password each time I restart it",
    ),
    # opposites and other words
    (
        "The volume is too low when the assistant reads the answer aloud in the car",
        "The volume is too high when the assistant reads the answer aloud in the car",
    ),
    (
        "Please make the text in the chat window larger for older people like me",
        "Please make the text in the chat window smaller for older people like me",
    ),
    (
        "The search got faster after the last update of the desktop application",
        "The search got slower after the last update of the desktop application",
    ),
    (
        "I could import all of my contacts from the old address book",
        "I could export all of my contacts from the old address book",
    ),
    (
        "The translation is too literal and hard to read for native speakers",
        "The translation is too free and hard to read for native speakers",
    ),
    (
        "The first answer was better than the second one because it named its sources",
        "The second answer was better than the first one because it named its sources",
    ),
    (
        "The window opens on the left screen although I use the right one",
        "The window opens on the right screen although I use the left one",
    ),
    (
        "The new policy includes dental treatment for the children of employees",
        "The new policy excludes dental treatment for the children of employees",
    ),
    (
        "The file was encrypted before it was sent to the customer by mail",
        "The file was decrypted before it was sent to the customer by mail",
    ),
    (
        "The doctor said that the dose is safe for adults with high blood pressure",
        "The doctor said that the dose is safe for adults with low blood pressure",
    ),
    (
        "You can cancel the subscription at any time in the account settings",
        "You can change the subscription at any time in the account settings",
    ),
    (
        "The answer explains how to install the printer on a computer at work",
        "The answer explains how to uninstall the printer on a computer at work",
    ),
    ("The agent understood my question about the mortgage", "The agent misunderstood my question about the mortgage"),
    # words that look like typing errors
    (
        "The model wrote about the desert instead of the main course",
        "The model wrote about the dessert instead of the main course",
    ),
    (
        "The price of the plane was wrong in the answer that I got",
        "The price of the plan was wrong in the answer that I got",
    ),
    ("The bot lost my message about the angel on the roof", "The bot lost my message about the angle on the roof"),
    (
        "The causal model in the report is wrong and needs another look",
        "The casual model in the report is wrong and needs another look",
    ),
    (
        "The public key is missing from the mail that I received",
        "The pubic key is missing from the mail that I received",
    ),
    (
        "The trial period of the service ended without a warning",
        "The trail period of the service ended without a warning",
    ),
    # restrictions, degrees, quantities
    (
        "The dark theme works in the settings window of the application",
        "The dark theme only works in the settings window of the application",
    ),
    (
        "The download of the yearly statement fails in the mobile application",
        "The download of the yearly statement sometimes fails in the mobile application",
    ),
    (
        "All of the links in the answer about travel insurance are broken",
        "Some of the links in the answer about travel insurance are broken",
    ),
    (
        "The premium plan includes support by phone at the weekend",
        "The premium plan includes support by phone at the weekend unless it is a holiday",
    ),
    (
        "I received the confirmation for my booking of the hotel in the mountains",
        "I almost received the confirmation for my booking of the hotel in the mountains",
    ),
    (
        "The assistant answers every question about the contract in my own language",
        "The assistant answers every second question about the contract in my own language",
    ),
    (
        "The bot gave me the right answer to my question about the visa",
        "The bot gave me half the right answer to my question about the visa",
    ),
    (
        "The export contains the comments of the reviewers on each page",
        "The export contains the resolved comments of the reviewers on each page",
    ),
    (
        "The refund for the broken chair arrived on my bank account today",
        "The partial refund for the broken chair arrived on my bank account today",
    ),
    (
        "The button on the start page of the shop does nothing",
        "The red button on the start page of the shop does nothing",
    ),
    # who does what to whom
    (
        "The manager thanked the engineer after the incident in the data centre",
        "The engineer thanked the manager after the incident in the data centre",
    ),
    (
        "The old server replaced the new server in the office last week",
        "The new server replaced the old server in the office last week",
    ),
    (
        "The bank owes the customer the fee for the late transfer",
        "The customer owes the bank the fee for the late transfer",
    ),
    (
        "Move the column with the names before the column with the dates",
        "Move the column with the dates before the column with the names",
    ),
    ("The angry customer called the support agent twice", "The support agent called the angry customer twice"),
    # modality, time, person
    ("I must enter the code before the page lets me continue", "I may enter the code before the page lets me continue"),
    (
        "The agent should have asked for the number of my contract",
        "The agent could have asked for the number of my contract",
    ),
    ("You charged me for the extra luggage at the airport", "You charged him for the extra luggage at the airport"),
    ("The parcel arrived after the birthday of my son", "The parcel arrived before the birthday of my son"),
    ("The data is stored until I delete my account", "The data is stored after I delete my account"),
    # a question isn't its answer
    ("The invoice for July is already paid", "Is the invoice for July already paid?"),
    ("How can I export my data to a spreadsheet?", "Can I export my data to a spreadsheet?"),
    ("Why was my account closed by the support team?", "When was my account closed by the support team?"),
    # more is said
    (
        "The search finds nothing when I type the name of a colleague",
        "The search finds nothing when I type the name of a colleague and then the application crashes",
    ),
    (
        "The answer describes the side effects of the vaccine well",
        "The answer describes the side effects of the vaccine well, but the dosage is missing",
    ),
    ("Great product. Sent from my iPad", "Awful product. Sent from my iPad"),
    ("Hello, the invoice is missing. Best regards, Tom", "Hello, the contract is missing. Best regards, Tom"),
    # German
    ("Die Suche findet immer die richtige Seite im Handbuch", "Die Suche findet nie die richtige Seite im Handbuch"),
    (
        "Der Techniker hat den Fehler an der Heizung behoben",
        "Der Techniker hat den Fehler an der Heizung nicht behoben",
    ),
    ("Die Rechnung vom 3. Mai ist zu hoch", "Die Rechnung vom 5. Mai ist zu hoch"),
    ("Der Ton ist beim Abspielen viel zu laut", "Der Ton ist beim Abspielen viel zu leise"),
    ("Man muss das Formular vor der Reise ausdrucken", "Man kann das Formular vor der Reise ausdrucken"),
    ("Die Zusammenfassung ist vollständig und gut lesbar", "Die Zusammenfassung ist unvollständig und gut lesbar"),
    ("Der Mieter hat dem Vermieter den Schlüssel gegeben", "Der Vermieter hat dem Mieter den Schlüssel gegeben"),
    ("Ich kann das Fenster nicht mehr öffnen", "Ich kann das Fenster nicht mehr schließen"),
    ("Der Bus nach Bremen kam heute pünktlich an", "Der Bus nach Berlin kam heute pünktlich an"),
    ("Die Lieferung kommt nur am Samstag an", "Die Lieferung kommt am Samstag an"),
    # Spanish
    ("El asistente entiende mi pregunta sobre la factura", "El asistente no entiende mi pregunta sobre la factura"),
    (
        "La respuesta es demasiado larga para leerla en el teléfono",
        "La respuesta es demasiado corta para leerla en el teléfono",
    ),
    ("El banco cobró 12 euros por la transferencia", "El banco cobró 21 euros por la transferencia"),
    ("Puedo cambiar la contraseña desde la aplicación", "Debo cambiar la contraseña desde la aplicación"),
    ("El profesor llamó al alumno después de la clase", "El alumno llamó al profesor después de la clase"),
    ("El vuelo a Lima fue cancelado por la tormenta", "El vuelo a Quito fue cancelado por la tormenta"),
    ("La puerta se abre antes de que llegue el tren", "La puerta se abre después de que llegue el tren"),
    # French
    ("La réponse est correcte et utile", "La réponse n'est pas correcte et utile"),
    ("Le livreur est arrivé avant midi comme prévu", "Le livreur est arrivé après midi comme prévu"),
    ("Le paiement de 40 euros a été refusé par la banque", "Le paiement de 14 euros a été refusé par la banque"),
    ("Le client a remercié le vendeur pour son aide", "Le vendeur a remercié le client pour son aide"),
    ("Je peux modifier mon adresse sur le site", "Je ne peux plus modifier mon adresse sur le site"),
    # Italian and Portuguese
    ("La risposta è corretta e completa", "La risposta non è corretta e completa"),
    ("Il treno per Milano è in ritardo", "Il treno per Torino è in ritardo"),
    ("A resposta está correta e completa", "A resposta não está correta e completa"),
    ("O aplicativo fecha quando abro a câmera", "O aplicativo fecha quando abro a galeria"),
    # Japanese and Chinese
    ("返品の手続きがとても簡単でした", "返品の手続きがとても面倒でした"),
    ("メールが届きました", "メールが届きませんでした"),
    ("先生が学生に説明しました", "学生が先生に説明しました"),
    ("会議は3時に始まります", "会議は5時に始まります"),
    ("パスワードを変更できます", "パスワードを変更できません"),
    ("这个回答是正确的", "这个回答是不正确的"),
    ("付款失败了三次", "付款失败了两次"),
    # written later, in more languages
    ("The nurse said I should take two pills in the morning", "The nurse said I should take two pills in the evening"),
    ("I like the blue theme", "I like the new theme"),
    ("The app is not slow", "The app is slow"),
    ("The app isn't slow anymore", "The app is slow"),
    ("No complaints, great work", "Complaints, great work"),
    ("The lamp is on", "The lamp is off"),
    ("The package was delivered to my neighbour", "The package was delivered by my neighbour"),
    ("My son can see my messages", "My son can't see my messages"),
    ("Version 10 works, version 11 does not", "Version 11 works, version 10 does not"),
    ("It costs more than the old plan", "It costs less than the old plan"),
    ("The response was accurate", "The response was inaccurate"),
    (
        "The response was relevant to my question about pension plans in Europe",
        "The response was irrelevant to my question about pension plans in Europe",
    ),
    ("Let me know if the refund was approved", "Let me know if the refund was declined"),
    ("Users who pay monthly see the banner", "Users who pay yearly see the banner"),
    ("Delete my account but keep my photos", "Keep my account but delete my photos"),
    ("Sync works on Wi-Fi but not on mobile data", "Sync works on mobile data but not on Wi-Fi"),
    ("The first result is right, the others are wrong", "The first result is wrong, the others are right"),
    ("The meeting starts at 9 am", "The meeting starts at 9 pm"),
    ("I paid in dollars", "I paid in euros"),
    ("The bot answered in French although I wrote in German", "The bot answered in German although I wrote in French"),
    ("Ответ правильный и полезный", "Ответ неправильный и полезный"),
    ("Я могу войти в аккаунт", "Я не могу войти в аккаунт"),
    ("Het antwoord is juist", "Het antwoord is onjuist"),
    ("De app werkt op mijn telefoon", "De app werkt niet op mijn telefoon"),
    ("이 답변은 정확합니다", "이 답변은 정확하지 않습니다"),
    ("로그인이 됩니다", "로그인이 안 됩니다"),
    ("الإجابة صحيحة ومفيدة", "الإجابة غير صحيحة ومفيدة"),
    ("Der Alarm geht an", "Der Alarm geht aus"),
    ("Ich habe das Paket erhalten", "Ich habe das Paket nicht erhalten"),
    ("Der Vertrag läuft bis Mai", "Der Vertrag läuft ab Mai"),
    ("Das Bild wird links angezeigt", "Das Bild wird rechts angezeigt"),
    ("El archivo se sube sin problemas", "El archivo se sube con problemas"),
    ("La oferta incluye el desayuno", "La oferta excluye el desayuno"),
    ("Quiero activar las notificaciones", "Quiero desactivar las notificaciones"),
    ("El médico recomienda la vacuna", "El médico no recomienda la vacuna"),
    ("料金が安すぎます", "料金が高すぎます"),
    ("音が出ます", "音が出ません"),
    ("彼は来るかもしれない", "彼は来るはずだ"),
    ("The answer about diabetes type 1 was good", "The answer about diabetes type 2 was good"),
    ("Remove the widget from the dashboard", "Move the widget from the dashboard"),
    ("He was hired by the company", "He was fired by the company"),
    ("The ad shows every hour", "The ad shows every other hour"),
    ("Good for adults", "Good for kids"),
    ("The statement shows a credit of the amount", "The statement shows a debit of the amount"),
    ("I would recommend this to a friend", "I wouldn't recommend this to a friend"),
    ("I would recommend this to a friend", "I would not recommend this to a friend"),
    ("the docs mention OAuth1", "the docs mention OAuth2"),
    ("The light mode is hard to read", "The night mode is hard to read"),
    ("CSV import is broken", "CSV export is broken"),
    ("It works in staging", "It works in production"),
    ("The file is readable for everyone in my company", "The file is unreadable for everyone in my company"),
    ("Mute the channel", "Unmute the channel"),
    ("The test passed after the fix", "The test failed after the fix"),
    ("The agent was rude and did not help", "The agent was not rude and did help"),
)

SAME: Final = (
    # case, typing errors, courtesy, contractions, order, fillers, devices, quotes
    (
        "The assistant keeps forgetting what I said a minute ago",
        "the assistant keeps forgetting what i said a minute ago!!",
    ),
    (
        "The assistant keeps forgetting what I said a minute ago",
        "The asistant keeps forgeting what I said a minute ago",
    ),
    (
        "The delivery address on the invoice is wrong",
        "Hello support, the delivery address on the invoice is wrong. Kind regards, Peter",
    ),
    (
        "The delivery address on the invoice is wrong",
        "Dear team,\n\nThe delivery address on the invoice is wrong.\n\nBest regards\nPeter Smith",
    ),
    ("The microphone isn't detected after the update", "The microphone is not detected after the update"),
    ("You're charging me for a plan that I've cancelled", "You are charging me for a plan that I have cancelled"),
    ("The bot ignores my follow-up questions", "The bot ignores my follow up questions"),
    ("The answer cites a paper that does not exist", "The answer cites papers that do not exist"),
    ("The videos don't play. The sound is missing as well.", "The sound is missing as well. The videos don't play."),
    ("The map is empty when I open it on my phone", "When I open it on my phone, the map is empty"),
    ("The login page reloads forever", "The login page reloads forever\n\nGet Outlook for Android"),
    ("The login page reloads forever", "> What can we do better?\nThe login page reloads forever"),
    ("The chart has no labels", "Chart has no labels"),
    ("The chart has no labels", "The chart really has no labels"),
    ("Notifications come hours late", "Notifications come hours late 😡😡"),
    ("Checkout button is greyed out", "checkout   button\tis greyed out…"),
    (
        "The translation drops whole sentences from the middle of the text",
        "The tranlsation drops whole sentnces from the midle of the text",
    ),
    ("It is impossible to copy text from the chat window", "It is imposible to copy text from the chatwindow"),
    ("Die Sprachausgabe bricht nach wenigen Sekunden ab", "DIE SPRACHAUSGABE BRICHT NACH WENIGEN SEKUNDEN AB!"),
    (
        "Die Sprachausgabe bricht nach wenigen Sekunden ab",
        "Guten Tag, die Sprachausgabe bricht nach wenigen Sekunden ab. Mit freundlichen Grüßen",
    ),
    ("Die Bestätigung kommt nicht an", "Die Bestätigung kommt nicht an.\nVon meinem iPhone gesendet"),
    ("Die Lieferzeit ist viel zu lang", "Die Liefrezeit ist viel zu lang"),
    (
        "La página de pago no carga en mi móvil",
        "Buenos días, la página de pago no carga en mi móvil. Muchas gracias de antemano",
    ),
    ("La página de pago no carga en mi móvil", "LA PÁGINA DE PAGO NO CARGA EN MI MÓVIL"),
    ("La respuesta no contesta a mi pregunta", "La respuesta no contesta a mi preguntta"),
    (
        "La réponse ne correspond pas à ma question",
        "Bonjour, la réponse ne correspond pas à ma question. Merci d'avance",
    ),
    ("L'application se ferme toute seule", "L’application se ferme toute seule !"),
    ("La risposta non riguarda la mia domanda", "Buongiorno, la risposta non riguarda la mia domanda. Grazie mille"),
    ("A resposta não tem nada a ver com a pergunta", "Olá, a resposta não tem nada a ver com a pergunta. Obrigado"),
    ("画面が固まって動きません", "画面が固まって動きません。"),
    ("画面が固まって動きません", "こんにちは。画面が固まって動きません。よろしくお願いします。"),
    ("登录后页面一直空白", "登录后页面一直空白！谢谢"),
    # written later, in more languages
    ("The PDF export cuts off the last column", "The PDF export cuts off the last column. Cheers, Anna"),
    ("The PDF export cuts off the last column", "Hey,\nthe PDF export cuts off the last column\n\nThanks!\nJohn"),
    (
        "The PDF export cuts off the last column",
        "The PDF export cuts off the last column\n\nSent from my Samsung Galaxy smartphone",
    ),
    ("The PDF export cuts off the last column", "The PDF export cuts off the last column :-( :-("),
    ("The answer is wrong", "This answer is wrong"),
    ("The answer was too long and it did not help me", "The answer was too long and it didn't help me"),
    ("I can not find the invoices from last year", "I cannot find the invoices from last year"),
    ("The app crashes when I upload photos", "The app crashes when I upload a photo"),
    ("The app crashes when I upload photos", "App crashes when uploading photos"),
    ("The app keeps crashing on startup", "The app keep crashing on start up"),
    ("Please add a dark mode", "please add dark mode!!!"),
    ("The model made up a citation that doesn't exist", "The model made-up a citation that does not exist"),
    ("La aplicación se cierra cuando abro la cámara", "La aplicacion se cierra cuando abro la camara"),
    (
        "La aplicación se cierra cuando abro la cámara",
        "Hola, la aplicación se cierra cuando abro la cámara. Saludos, María",
    ),
    (
        "Die App stürzt beim Öffnen der Kamera ab",
        "Hallo Team,\ndie App stürzt beim Öffnen der Kamera ab\n\nViele Grüße\nAnna Schmidt",
    ),
    ("Die Antworten sind oft veraltet", "Die Antwort ist oft veraltet"),
    ("アプリがすぐに落ちます", "アプリがすぐに落ちます。。。"),
    ("Love the new design", "LOVE the new design ❤️❤️"),
    (
        "The search results are not relevant. I tried three times.",
        "I tried three times. The search results are not relevant.",
    ),
    ("Totally useless answer about taxes", "Useless answer about taxes"),
    (
        "It takes ages to load the list of my projects",
        "It takes ages to load the list of my projects\n\nOn Tue, Mar 3, Support wrote:\n> How are we doing?",
    ),
    ("l'application ne répond plus depuis hier", "L’application ne répond plus depuis hier !!"),
    ("Bad answer", "bad answer."),
    ("The link in the answer is broken", "The linkin the answer is broken"),
)
