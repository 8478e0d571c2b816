"""Make ``data/negation.tsv.gz``: sentences, each with a paraphrase and its negation.

    python benchmarks/negation_triples.py

Every frame is three sentences about one thing: the sentence, the same in other words, and the
sentence with one negation more or less. The negation keeps the words and changes the meaning, the
paraphrase does the opposite, and so an encoder that counts words in common chooses wrongly. In a
quarter of the frames it is the sentence that is negated, so that one which dislikes every "not" is
not rewarded either. Frames and vocabulary are ours; nothing is taken from a data set.
"""

import csv
import gzip
import io
import random
import re
from pathlib import Path

TARGET = Path(__file__).parents[1] / "data" / "negation.tsv.gz"
FILLINGS = 10
"""Sentences made of each frame."""

WORDS = {
    "who": "the nurse|the baker|our new teacher|the captain|my neighbour|the old farmer|the "
    "plumber|Anna|Mr Brandt|the young doctor|the librarian|the driver|her brother|the goalkeeper|"
    "the tourist guide|Leila|the mayor|our landlord|the violinist|the apprentice",
    "work": "the night shift|the long drive|the exam|the final match|the flight|the climb|the move",
    "event": "the wedding|the meeting|the concert|the funeral|the village fair|the reading|the "
    "opening of the museum|the training course|the birthday party|the auction",
    "object": "the torch|the blue folder|the house key|the camera|the map|the phone charger|the "
    "passport|the letter opener|the first-aid kit|the ladder",
    "room": "the hall|the cabin|the dining room|the boat|the classroom|the tent|the waiting room",
    "city": "Lisbon|Cairo|Oslo|Kyoto|Toronto|Naples|Lima|Dublin|Prague|Nairobi|Hanoi|Seville",
    "town": "Millbrook|Ashford|Greyport|Eastwold|Harlow Bay|Stonebridge|Fernhill|Old Quay|"
    "Penmoor|Saltby",
    "place": "the harbour|the castle|the spring|the airport|the lighthouse|the mine|the monastery|"
    "the dam|the waterfall|the summit",
    "indoors": "the library|the swimming pool|the museum|the town hall|the hospital|the theatre|"
    "the supermarket|the sports centre|the chapel|the planetarium",
    "shop": "the bakery|the pharmacy|the bookshop|the garage|the flower shop|the butcher|the "
    "hardware store|the post office|the corner shop|the market hall",
    "goods": "lamps|boots|carpets|bicycles|watches|tyres|paintings|headphones|jackets|telescopes",
    "water": "the lake|the pool|the bay|the river|the lagoon|the pond|the cove",
    "animals": "spiders|snakes|horses|geese|wasps|bats|big dogs|mice|sharks|cows",
    "wild": "wolves|bears|deer|foxes|wild boar|eagles|owls|otters|badgers|vipers",
    "land": "forest|valley|national park|region|stretch of coast|mountain range",
    "building": "the church|the mill|the town wall|the railway station|the school|the brewery|the "
    "palace|the water tower|the observatory",
    "film": "the film|the lecture|the play|the sermon|the documentary|the speech|the opera",
    "instrument": "the cello|the flute|the piano|the guitar|the trumpet|the drums|the organ",
    "task": "the report|the translation|the painting of the fence|the drawing|the repair of the "
    "roof|the inventory|the tax return|the first chapter|the knitting|the data entry",
    "sound": "the bell|the thunder|the music|the engine|the shouting|the barking|the siren|the sea",
    "from": "the attic|the garden|the cellar|the balcony|the kitchen|the far side of the valley",
    "team": "the visitors|the juniors|the rowers from the lake|the local players|the sailors|the "
    "skaters|the chess players|the runners in red",
    "cup": "the cup|the league|the regatta|the relay|the national title|the local derby|the final",
    "drug": "the ointment|the syrup|the vaccine|this tablet|the insulin|the ear drops|the powder|"
    "the antidote|the cod liver oil",
    "storage": "the fridge|the dark|a dry cupboard|the cellar|a locked cabinet|a warm room",
    "food": "fish|goat cheese|mushrooms|liver|olives|spinach|coconut|garlic|lentils|beetroot",
    "left": "milk|butter|soup|apple juice|rice|jam|cold chicken|yoghurt|mustard|lemon cake",
    "dish": "the sauce|this cake|the stew|the dressing|the pie|this bread|the soup|the ice cream",
    "ingredient": "eggs|sugar|wine|nuts|cream|flour|butter|honey|gelatine|salt",
    "bill": "the electricity bill|the fine|the invoice|the hotel bill|the deposit|the school fees",
    "cure": "the ointment|the tea|this tablet|the exercise|the massage|the new therapy|the syrup",
    "pain": "headaches|back pain|hay fever|insomnia|a sore throat|muscle cramps|toothache|nausea",
    "language": "Polish|Arabic|Welsh|Finnish|Tamil|Dutch|Korean|Greek|Portuguese|Swahili",
    "date": "the anniversary|the appointment|the password|the deadline|the name of the hotel|the "
    "way back|the melody|the birthday of the twins",
    "machine": "the pump|the generator|the tractor|the printer|the old clock|the drone|the "
    "coffee machine|the solar cooker",
    "when": "last night|on Monday|yesterday morning|during the parade|on May Day|last week",
    "story": "the rumour|the excuse|the weather forecast|the witness|the story about the treasure|"
    "the promise of the seller|the statistics|the advertisement",
    "act": "fishing from the pier|camping on the beach|advertising near schools|fireworks in the "
    "town centre|hunting at night|busking in the underground|home distilling|night flights",
    "relative": "aunt|cousin|grandmother|nephew|sister|best friend|former colleague|godfather",
    "cause": "hail|flooding|fire|frost|a fallen tree|vandals|lightning|martens|a burst pipe",
    "sold": "the farm|the motorbike|the stamp collection|the piano|the vineyard|the caravan|the "
    "fishing boat|the shares",
    "tool": "the drill|the car|the laptop|the spade|the sewing machine|the projector|the trailer",
    "news": "the delay|the change of plan|the accident|the strike|the new timetable|the road works|"
    "the price rise",
    "luggage": "the suitcase|the pram|the wardrobe|the double bass|the bicycle|the tent|the wheel"
    "chair|the Christmas tree",
    "vehicle": "the car|the cable car|the van|the boat|the bus|the trailer|the train compartment",
    "results": "the results|the figures|the winners|the minutes|the blood values|the survey|the "
    "exam questions",
    "group": "guests|parcels|jurors|students|trains|musicians|workers|ferries|speakers|players",
    "pair": "twins|brothers|candidates|girls|newcomers|learner drivers|nurses|applicants",
    "exam": "the driving test|the entrance exam|the audition|the medical check|the swimming test|"
    "the oral exam|the retake",
    "carry": "an umbrella|a hat|a coat|a map|money|a phone|breakfast|a ticket|gloves|the dog",
    "letter": "the letter|the question|the invitation|the e-mail|the phone call|the advert|the "
    "complaint|the reminder",
    "broken": "the lift|the heating|the doorbell|the street lamp|the ticket machine|the radio|the "
    "dishwasher|the alarm|the escalator|the traffic light",
    "script": "handwriting this small|sheet music|a nautical chart|Arabic letters|Braille|circuit "
    "diagrams|the ancient inscription|shorthand",
    "facility": "lift|car park|canteen|fire escape|playground|prayer room|cloakroom|piano|café",
    "plan": "the plan|the budget|the proposal|the design for the bridge|the petition|the new "
    "timetable|the application|the bid|the reform",
    "council": "the council|the committee|the parents|the shareholders|the commission|the ministry|"
    "the villagers|the board",
    "rent": "the rent|the membership fee|the parking fine|the ferry ticket|the last instalment|the "
    "dentist|the gas bill",
    "service": "the haircut|the hotel|the repair|the meal|the translation|the seat|the sketch|"
    "the course",
    "number": "six|eight|ten|twelve|twenty|thirty|forty|fifty|sixty|a hundred",
    "hour": "before seven|by noon|at dawn|after the break|before the storm|at four o'clock",
}

FRAMES = """
{who} is tired after {work}.
{work} has worn {who} out.
{who} is not tired after {work}.

{object} is on the kitchen table.
You will find {object} lying on the table in the kitchen.
{object} is not on the kitchen table.

{who} was at {event} yesterday.
Yesterday {who} attended {event}.
{who} was not at {event} yesterday.

{room} is big enough for {number} people.
{number} people fit into {room}.
{room} is not big enough for {number} people.

The road to {place} is closed.
Drivers have to keep off the way that leads to {place}.
The road to {place} is not closed.

These {goods} are expensive.
You pay a lot of money for these {goods}.
These {goods} are not expensive.

The water in {water} was warm {when}.
{when} one could bathe comfortably in {water}.
The water in {water} was not warm {when}.

{who} is afraid of {animals}.
{animals} frighten {who}.
{who} is not afraid of {animals}.

{building} of {town} is older than the bridge.
The bridge was built later than {building} of {town}.
{building} of {town} is not older than the bridge.

The answer of {who} in {exam} was correct.
In {exam} {who} said the right thing.
The answer of {who} in {exam} was not correct.

{film} in {city} was boring.
In {city} the audience almost fell asleep during {film}.
{film} in {city} was not boring.

{indoors} is far from {shop}.
It is a long walk between {shop} and {indoors}.
{indoors} is not far from {shop}.

{who} can play {instrument}.
{who} has learnt how to make music on {instrument}.
{who} cannot play {instrument}.

{who} will come to {event}.
{who} is going to attend {event}.
{who} will not come to {event}.

{who} has finished {task}.
{task} is done, thanks to {who}.
{who} has not finished {task}.

You should drink the water from the tap in {town}.
The tap water of {town} is good to drink.
You should not drink the water from the tap in {town}.

Children may enter {indoors} {hour}.
{hour} {indoors} is open to young visitors too.
Children may not enter {indoors} {hour}.

{who} would recommend the {goods} from {city}.
In the opinion of {who} the {goods} from {city} are a good buy.
{who} would not recommend the {goods} from {city}.

{who} could hear {sound} from {from}.
From {from}, {sound} reached the ears of {who}.
{who} could not hear {sound} from {from}.

{team} have won {cup}.
Victory in {cup} belongs to {team}.
{team} have not won {cup}.

{drug} must be kept in {storage}.
The right place to store {drug} is {storage}.
{drug} must not be kept in {storage}.

{who} had seen {wild} before.
It was familiar to {who} what {wild} look like in nature.
{who} had not seen {wild} before.

{who} is waiting in front of {indoors}.
Outside {indoors}, {who} stands and looks at the clock.
{who} is not waiting in front of {indoors}.

{who} likes {food}.
{food}: that is something {who} enjoys eating.
{who} does not like {food}.

{shop} in {town} opens on Sundays.
On Sundays you can do your shopping at {shop} in {town}.
{shop} in {town} does not open on Sundays.

{who} paid {bill}.
{bill} was settled by {who}.
{who} did not pay {bill}.

{cure} helps against {pain}.
People who suffer from {pain} feel better with {cure}.
{cure} does not help against {pain}.

{who} speaks {language}.
A conversation in {language} is easy for {who}.
{who} does not speak {language}.

The train from {city} stops at {town}.
Passengers who come from {city} can get off at {town}.
The train from {city} does not stop at {town}.

{who} remembered {date}.
{date} had stayed in the mind of {who}.
{who} did not remember {date}.

{machine} of {who} works in the cold.
Even when it freezes, {who} has {machine} running.
{machine} of {who} does not work in the cold.

It rained in {city} {when}.
People in {city} got wet {when}.
It did not rain in {city} {when}.

{who} believes {story}.
For {who}, {story} can be trusted.
{who} does not believe {story}.

The new law in {city} allows {act}.
Since the reform, people in {city} may go ahead with {act}.
The new law in {city} does not allow {act}.

My {relative} lives near {place}.
From the home of my {relative} it is a short way to {place}.
My {relative} does not live near {place}.

The insurance of {who} covers damage by {cause}.
If there is damage by {cause}, {who} gets the money back.
The insurance of {who} does not cover damage by {cause}.

{who} sold {sold}.
Somebody bought {sold} from {who}.
{who} did not sell {sold}.

{who} trusts my {relative}.
My {relative} enjoys the confidence of {who}.
{who} does not trust my {relative}.

{shop} in {town} takes cards.
Paying by card is possible at {shop} in {town}.
{shop} in {town} doesn't take cards.

My {relative} needs {tool} today.
{tool} is something my {relative} has to have today.
My {relative} doesn't need {tool} today.

We were told about {news} {hour}.
{hour} somebody let us know about {news}.
We weren't told about {news} {hour}.

{who} wants to move to {city}.
A new home in {city} is the wish of {who}.
{who} doesn't want to move to {city}.

{luggage} fits into {vehicle}.
There is space for {luggage} inside {vehicle}.
{luggage} doesn't fit into {vehicle}.

You can park in front of {indoors} {hour}.
{hour} cars may be left outside {indoors}.
You can't park in front of {indoors} {hour}.

They will publish {results} in {city}.
Publication of {results} is going to take place in {city}.
They won't publish {results} in {city}.

{who} has been to {city} before.
At some earlier time {who} paid a visit to {city}.
{who} has never been to {city} before.

Somebody was in {indoors} {hour}.
{hour} there was a person inside {indoors}.
Nobody was in {indoors} {hour}.

There is some {left} left for {who}.
{who} can still have a little of the {left}.
There is no {left} left for {who}.

{dish} is made with {ingredient}.
The recipe of {dish} asks for {ingredient}.
{dish} is made without {ingredient}.

All of the {group} arrived {hour}.
{hour} every one of the {group} had got there.
None of the {group} arrived {hour}.

{who} saw something in {from}.
A thing in {from} caught the eye of {who}.
{who} saw nothing in {from}.

There are {wild} in this {land}.
This {land} is home to {wild}.
There are no {wild} in this {land}.

Both of the {pair} passed {exam}.
The two {pair} were successful in {exam}.
Neither of the {pair} passed {exam}.

{who} left the house with {carry}.
{who} took {carry} along when going out.
{who} left the house without {carry}.

{who} did not answer {letter}.
{letter} was ignored by {who}.
{who} answered {letter}.

{broken} in {indoors} is not working.
{broken} in {indoors} is out of order.
{broken} in {indoors} is working.

{who} cannot read {script}.
{script} is a mystery to the eyes of {who}.
{who} can read {script}.

{shop} does not deliver to {town}.
People in {town} have to fetch their orders from {shop} themselves.
{shop} delivers to {town}.

{who} never eats {food}.
{who} stays away from {food} altogether.
{who} eats {food}.

There is no {facility} in {indoors}.
{indoors} lacks a {facility}.
There is a {facility} in {indoors}.

{plan} was not accepted by {council}.
{council} turned down {plan}.
{plan} was accepted by {council}.

{who} has not paid for {rent} yet.
The money for {rent} is still owed by {who}.
{who} has paid for {rent} already.

Nobody in {town} believed {who}.
Everyone in {town} took {who} for a liar.
Everybody in {town} believed {who}.

{object} was not there when {who} arrived.
On arrival {who} found {object} missing.
{object} was there when {who} arrived.

Dogs are not allowed in {indoors}.
You have to leave your dog outside {indoors}.
Dogs are allowed in {indoors}.

{who} was not satisfied with {service}.
{service} left {who} unhappy.
{who} was satisfied with {service}.

{vehicle} didn't arrive in {town} {when}.
The people of {town} waited in vain for {vehicle} {when}.
{vehicle} arrived in {town} {when}.

The {pair} aren't interested in {event}.
{event} leaves the {pair} cold.
The {pair} are interested in {event}.
"""
"""The sentence, the paraphrase, the negation; `{who}` is one of WORDS."""


def triples() -> list[tuple[str, ...]]:
    """Return the frames' numbers and sentences, each word of a frame as seldom as can be."""
    rng = random.Random(0)
    made = []
    for of_frame, frame in enumerate(FRAMES.strip().split("\n\n"), start=1):
        drawn = {slot: shuffled(slot, rng) for slot in sorted(set(re.findall(r"{(\w+)}", frame)))}
        for number in range(FILLINGS):
            words = {slot: some[number % len(some)] for slot, some in drawn.items()}
            sentences = map(capitalised, frame.format(**words).splitlines())
            made.append((str(of_frame), *sentences))
    return made


def shuffled(slot: str, rng: random.Random) -> list[str]:
    words = WORDS[slot].split("|")
    return rng.sample(words, len(words))


def capitalised(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def main() -> None:
    table = io.StringIO()
    writer = csv.writer(table, "excel-tab", lineterminator="\n")
    writer.writerow(("group", "anchor", "positive", "negative"))
    writer.writerows(triples())
    with TARGET.open("wb") as file, gzip.GzipFile("", "wb", mtime=0, fileobj=file) as packed:
        packed.write(table.getvalue().encode())


if __name__ == "__main__":
    main()
