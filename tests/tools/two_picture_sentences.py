"""Tasks about several pictures in people's words: what each is to be read as, and which picture gives the shape.

`FIRST` was written before the rules of `ground.py`, `SECOND` after them; the rules were mended with both since.
"""

from typing import Final, NamedTuple

from omniagent.tools.types import Mode


class Said(NamedTuple):
    """A task, its mode, the picture that gives the new one its shape (None: none does), and how many are given."""

    words: str
    mode: Mode
    ground: int | None
    pictures: int = 2


FIRST: Final = (
    Said("Put the cat in image 2 into the room of image 1", "compose", 1),
    Said("Place the dog in image 2 on the sofa in image 1", "compose", 1),
    Said("Apply the style of image 2 to image 1", "compose", 1),
    Said("Using the colours of image 2, recolour image 1", "compose", 1),
    Said("Let the man from image 1 and the woman from image 2 sit in the café from image 3", "compose", 3, 3),
    Said("The girl in image 1 hugs the bear in image 2, the background is from image 3", "compose", 3, 3),
    Said("Let the person in image 2 hold the toy from the first image in a parking lot.", "compose", None),
    Said("Replace the car in image 1 with the motorbike from image 2.", "compose", 1),
    Said("Swap the face of the woman in the second picture for the face in the first picture.", "compose", 2),
    Said("Please give the bloke in picture 1 the sunglasses from picture 2", "compose", 1),
    Said("Dress the woman in image 1 in the dress from image 2.", "compose", 1),
    Said("Change the background of image 1 to the beach in image 2", "compose", 1),
    Said("Cut out the dog from photo 2 and paste it onto the lawn in photo 1.", "compose", 1),
    Said("Take the lady from the first photo and stand her in front of the church in the second photo", "compose", 2),
    Said("Make image 1 look like it was painted by the artist of image 2", "compose", 1),
    Said("Transfer the lighting from image 2 onto image 1", "compose", 1),
    Said("Match the colour grading of image 1 to image 2.", "compose", 1),
    Said("Turn the person in image 1 into the cartoon character of image 2", "compose", 1),
    Said("Combine image 1 and image 2 into one picture", "compose", None),
    Said("Draw the knight from image 1 fighting the dragon from image 2 on a mountain at dusk", "compose", None),
    Said("Remove the lamp from image 2", "edit", 2),
    Said("Make the sky in image 1 more dramatic", "edit", 1),
    Said("Brighten the second photo", "edit", 2),
    Said("Can you add the hat from image 2 to the man in image 1?", "compose", 1),
    Said("Add the bird in image 1 to image 2, sitting on the fence.", "compose", 2),
    Said("Could you pop the vase from the second image on the table in the first image, please?", "compose", 1),
    Said("I'd like the sofa of image 2 to stand in the living room of image 1", "compose", 1),
    Said("Insert the logo from picture two in the top left corner of picture one", "compose", 1),
    Said("Print the pattern of image 2 on the T-shirt of the man in image 1", "compose", 1),
    Said("Make the woman from image 1 wear the necklace from image 2", "compose", 1),
    Said("A photo of the boy in image 1 riding the horse in image 2 through shallow water", "compose", None),
    Said("Create a poster with the product of image 1 and the logo of image 2", "compose", None),
    Said("Use the pose of image 2 for the dancer in image 1", "compose", 1),
    Said("Restyle the kitchen in image 1 with the tiles from image 2", "compose", 1),
    Said("What is different between image 1 and image 2?", "answer", None),
    Said("Which of the two pictures is sharper?", "answer", None),
    Said("把图2的猫放到图1的沙发上", "compose", 1),
    Said("把图1的背景换成图2的海滩", "compose", 1),
    Said("让图1的人穿上图2的衣服", "compose", 1),
    Said("图1的女孩和图2的男孩在公园里散步", "compose", None),
)

SECOND: Final = (
    Said("Stick the moustache from picture 1 on the face of the chap in picture 2", "compose", 2),
    Said("The corgi in the second image should be asleep on the rug of the first image", "compose", 1),
    Said("Paint image 2 in the style of image 1", "compose", 2),
    Said("Give image 1 the same film look as image 2", "compose", 1),
    Said("Colourise image 1 using the palette of image 2, please", "compose", 1),
    Said("My daughter (image 1) and my son (image 2) building a sandcastle together", "compose", None),
    Said("Imagine the robot from image 1 and the astronaut from image 2 having tea on the moon", "compose", None),
    Said("Swap out the bottle in image 2 for the can in image 1", "compose", 2),
    Said("Exchange the painting above the fireplace in the first photo with the second photo", "compose", 1),
    Said("Seat the teddy bear of photo two next to the child in photo one", "compose", 1),
    Said("Hang the poster from the 2nd image on the brick wall in the 1st image", "compose", 1),
    Said("Could you move the woman from image 1 to the terrace in image 2?", "compose", 2),
    Said("I want the watch in image 2 to be on the wrist of the man in image 1", "compose", 1),
    Said("Let her (image 1) try on the coat in image 2", "compose", 1),
    Said("Use image 2 as the background for the bicycle of image 1", "compose", 2),
    Said("The actor of image 1 stands in front of the castle of image 2 at night.", "compose", 2),
    Said("Have the parrot in picture 2 perch on the pirate's shoulder in picture 1", "compose", 1),
    Said("Merge both photos into a single group portrait", "compose", None),
    Said("Blend the first picture with the second picture", "compose", None),
    Said("Generate a book cover featuring the fox of image 1 and the typeface of image 2", "compose", None),
    Said("Wallpaper the bedroom in image 1 with the pattern shown in image 2", "compose", 1),
    Said("Crop image 2 to a square", "edit", 2),
    Said("Erase the power lines in the first photo.", "edit", 1),
    Said("Convert image 2 to black and white", "edit", 2),
    Said("Would you mind making the second picture a bit warmer?", "edit", 2),
    Said("Redraw image 2 with the brushwork of image 1", "compose", 2),
    Said("Place image 1's lamp on image 2's desk", "compose", 2),
    Said("Composite the model from image 1 into the showroom from image 2", "compose", 2),
    Said("Make the statue in image 2 have the face of the person in image 1", "compose", 2),
    Said("Let the man in image 1 shake hands with the woman in image 2 outside a town hall", "compose", None),
    Said("The bride from image 1 and the groom from image 2 dancing in the ballroom of image 3", "compose", 3, 3),
    Said("Put the people from images 1 and 2 on the bench in image 3", "compose", 3, 3),
    Said("Are the persons in image 1 and image 2 the same?", "answer", None),
    Said("Describe the differences between the two photos", "answer", None),
    Said("Two kittens: the one from image 1 is chasing the one from image 2 across a meadow", "compose", None),
    Said("Make the jumper of the boy in image 1 match the scarf of image 2", "compose", 1),
    Said("请把第二张图里的花瓶放在第一张图的桌子上", "compose", 1),
    Said("用图1的风格重画图2", "compose", 2),
    Said("以图3为背景，让图1的男人和图2的狗一起散步", "compose", 3, 3),
    Said("让图1的老人骑上图2的马在草原上奔跑", "compose", None),
)

THIRD: Final = (
    Said("Photoshop my dog from image 2 into image 1", "compose", 1),
    Said("The car in image 1, but with the paintwork of the car in image 2", "compose", 1),
    Said("image 1 in the style of image 2", "compose", 1),
    Said("Make the two people in image 1 and image 2 hug", "compose", None),
    Said("In image 1, replace the sky with the sky from image 2", "compose", 1),
    Said("In image 2, put the cake from image 1 on the table", "compose", 2),
    Said("Take the hairstyle of the woman in image 2 and give it to the woman in image 1", "compose", 1),
    Said("Add the woman from the second image next to the man in the first image", "compose", 1),
    Said("Show the chair from image 1 in the colour of image 2", "compose", 1),
    Said("Turn the drawing in image 1 into a photo with the light of image 2", "compose", 1),
    Said("A wedding photo of the woman in image 1 and the man in image 2", "compose", None),
    Said("The cat from image 1 and the dog from image 2 are sleeping on the sofa from image 1", "compose", 1),
    Said("Remove the person in image 1 and put them in the office of image 2", "compose", 2),
    Said("Copy the tattoo from image 2 to the arm of the man in image 1", "compose", 1),
    Said("Could the girl in image 1 be sitting at the piano in image 2?", "compose", 2),
    Said("Edit the first image: add the lamp from the second image on the desk.", "compose", 1),
    Said("Create an image of the woman in image 1 wearing the hat of image 2", "compose", None),
    Said("Please replace the logo on the cup of photo 1 by that of photo 2", "compose", 1),
    Said("Insert a person like the one in image 2 into image 1", "compose", 1),
    Said("Blur the background of image 2", "edit", 2),
    Said("Reimagine image 1 as a woodcut like image 2", "compose", 1),
    Said("The same room as in image 1 but furnished with the chairs of image 2", "compose", 1),
    Said("How many people are in both pictures together?", "answer", None),
    Said("把第二张照片里的人P到第一张照片里", "compose", 1),
    Said("给图1的女孩戴上图2的帽子", "compose", 1),
)
