package callerproof

// MaxTaken is how many proofs are remembered.
const MaxTaken = maxTaken
