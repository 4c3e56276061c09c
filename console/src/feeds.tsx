export function FeedsPart() { return <p />; }
