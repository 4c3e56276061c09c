export function SharingPart() { return <p />; }
