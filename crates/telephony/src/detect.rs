//! What is heard on a line that no words are needed for: tones, announcements, answering machines.
