/** The request header by which one create chooses its `Behaviour`. */
export const BEHAVIOUR_HEADER = 'x-simulate';
