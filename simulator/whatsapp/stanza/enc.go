package stanza

// ReplaceEncs replaces each of a stanza's enc nodes. The given stanza stays as it is.
func ReplaceEncs(n Node, replace func(Node) Node) Node {
	children := append([]Node(nil), Children(n)...)
	for i, child := range children {
		if child.Tag == "enc" {
			children[i] = replace(child)
		}
	}
	if children != nil {
		n.Content = children
	}
	return n
}

// CorruptEnc flips a bit of an enc node near the end: within the ciphertext, its MAC or its signature, so that the message
// parses and fails to decrypt. The very end won't do, since there a pkmsg has numbers that nothing protects.
func CorruptEnc(enc Node) Node {
	data := append([]byte(nil), Bytes(enc)...)
	if len(data) > 16 {
		data[len(data)-16] ^= 1
	}
	enc.Content = data
	return enc
}
