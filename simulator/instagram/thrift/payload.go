package thrift

import "fmt"

// FlowStatus is what the server says of a request stream.
type FlowStatus int64

// The flow statuses.
const (
	Accepted FlowStatus = 1
	Started  FlowStatus = 2
	Stopped  FlowStatus = 3
)

// ParseRequestBody reads the first payload of a request stream: Payload.request_body.body.
func ParseRequestBody(payload []byte) (string, error) {
	v, err := Decode(payload)
	if err != nil {
		return "", err
	}
	body := v.Get(2).Get(1)
	if len(v.Fields) != 1 || body.Type != Binary {
		return "", fmt.Errorf("%w: no request body", ErrMalformed)
	}
	return string(body.Bytes), nil
}

// Flow is Payload.response with one flow status.
func Flow(status FlowStatus) []byte {
	return response(Field{1, Num32(int64(status))})
}

// ResponseData is Payload.response with one piece of data.
func ResponseData(data string) []byte {
	return response(Field{4, Obj(Field{1, Text(data)})})
}

// Termination is Payload.response that ends the stream for a reason of section 14.1, such as 80, try again.
func Termination(reason int64, message string) []byte {
	return response(Field{5, Obj(Field{1, Num32(reason)}, Field{2, Text(message)})})
}

func response(delta Field) []byte {
	return Encode(Obj(Field{5, Obj(Field{2, Many(Struct, Obj(delta))})}))
}

// Connect is RequestPayload.connectRequest as far as anything in it has a meaning.
type Connect struct {
	DeviceID string
	Topics   []string
}

// Publish is RequestPayload.publishRequest.
type Publish struct {
	Topic   string
	Payload []byte
}

// ParseRequest reads a payload of the outgoing-typing socket: a *Connect or a *Publish. Other requests exist and are
// refused with the error of a malformed one.
func ParseRequest(payload []byte) (any, error) {
	v, err := Decode(payload)
	if err != nil {
		return nil, err
	}
	if len(v.Fields) != 1 || v.Fields[0].Type != Struct {
		return nil, fmt.Errorf("%w: a request is a union of one", ErrMalformed)
	}
	switch request := v.Fields[0]; request.ID {
	case 1:
		return parseConnect(request.Value)
	case 2:
		body, topic := request.Get(1), request.Get(2)
		if body.Type != Binary || topic.Type != Binary {
			return nil, fmt.Errorf("%w: publish without payload or topic", ErrMalformed)
		}
		return &Publish{Topic: string(topic.Bytes), Payload: body.Bytes}, nil
	default:
		return nil, fmt.Errorf("%w: request %d", ErrMalformed, request.ID)
	}
}

// parseConnect checks that the fields which are always written are there, zero or not.
func parseConnect(v Value) (*Connect, error) {
	for id, want := range map[int16]Type{1: I64, 2: I64, 3: Binary, 4: Binary, 5: Binary, 6: Struct} {
		if v.Get(id).Type != want {
			return nil, fmt.Errorf("%w: connect without field %d", ErrMalformed, id)
		}
	}
	c := &Connect{DeviceID: string(v.Get(4).Bytes)}
	for _, topic := range v.Get(6).Get(1).List {
		c.Topics = append(c.Topics, string(topic.Bytes))
	}
	return c, nil
}
