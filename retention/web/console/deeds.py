"""What is said after each deed."""

from retention.web.wording import N_

SAID: dict[str, str] = {
    "approved": N_("Approved. It leaves {at} at the earliest; until then you can take it back."),
    "signed": N_("Your signature is there. It waits for another person."),
    "to_post": N_("Approved. The letter is to be printed and posted."),
    "rejected": N_("Rejected."),
    "milder": N_("Sent back to a milder stage."),
    "taken_back": N_("Taken back. It waits for a decision again."),
    "snoozed": N_("It sleeps until {at}."),
    "commented": N_("Your comment is there."),
    "reassigned": N_("It belongs to {at} now."),
    "completed": N_("Logged."),
    "edited": N_("Edited. Somebody else has to approve it."),
    "answered": N_("The customer's answer is recorded."),
    "revised": N_("A new version of the offer waits for somebody else."),
    "agreed": N_("The call is agreed."),
    "claimed": N_("It is marked as yours for ten minutes."),
    "tested": N_("A test is on its way to your own address."),
}
"""By the name that the address carries; `{at}` is a moment, a day or a person."""
