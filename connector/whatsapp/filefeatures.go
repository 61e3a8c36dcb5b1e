package whatsapp

import (
	"maunium.net/go/mautrix/event"
)

// fileFeatures are the files that portal rooms take. Partly supported are those that are converted first, with ffmpeg.
var fileFeatures = event.FileFeatureMap{
	event.MsgImage: {
		MimeTypes: map[string]event.CapabilitySupportLevel{
			"image/jpeg": event.CapLevelFullySupported,
			"image/png":  event.CapLevelFullySupported,
			"image/gif":  event.CapLevelPartialSupport,
			"image/webp": event.CapLevelPartialSupport,
		},
		Caption:          event.CapLevelFullySupported,
		MaxCaptionLength: maxTextLength,
		MaxSize:          maxImageSize,
	},
	event.MsgVideo: {
		MimeTypes: map[string]event.CapabilitySupportLevel{
			"video/mp4":  event.CapLevelFullySupported,
			"video/3gpp": event.CapLevelFullySupported,
			"video/*":    event.CapLevelPartialSupport,
		},
		Caption:          event.CapLevelFullySupported,
		MaxCaptionLength: maxTextLength,
		MaxSize:          maxVideoSize,
	},
	event.CapMsgGIF: {
		MimeTypes: map[string]event.CapabilitySupportLevel{
			"video/mp4": event.CapLevelFullySupported,
			"video/*":   event.CapLevelPartialSupport,
			"image/gif": event.CapLevelPartialSupport,
		},
		Caption:          event.CapLevelFullySupported,
		MaxCaptionLength: maxTextLength,
		MaxSize:          maxVideoSize,
	},
	event.CapMsgVoice: {
		MimeTypes: map[string]event.CapabilitySupportLevel{
			"audio/ogg": event.CapLevelFullySupported,
			"audio/*":   event.CapLevelPartialSupport,
			"video/*":   event.CapLevelPartialSupport, // what some browsers call a recording without a picture
		},
		Caption: event.CapLevelDropped,
		MaxSize: maxAudioSize,
	},
	event.MsgAudio: {
		MimeTypes: map[string]event.CapabilitySupportLevel{
			"audio/aac":  event.CapLevelFullySupported,
			"audio/amr":  event.CapLevelFullySupported,
			"audio/mpeg": event.CapLevelFullySupported,
			"audio/mp4":  event.CapLevelFullySupported,
			"audio/ogg":  event.CapLevelFullySupported,
			"*/*":        event.CapLevelPartialSupport, // as a document
		},
		Caption:          event.CapLevelPartialSupport,
		MaxCaptionLength: maxTextLength,
		MaxSize:          maxAudioSize,
	},
	event.MsgFile: {
		MimeTypes:        map[string]event.CapabilitySupportLevel{"*/*": event.CapLevelFullySupported},
		Caption:          event.CapLevelFullySupported,
		MaxCaptionLength: maxTextLength,
		MaxSize:          maxDocumentSize,
	},
	event.CapMsgSticker: {
		MimeTypes: map[string]event.CapabilitySupportLevel{
			"image/webp": event.CapLevelFullySupported,
			"image/png":  event.CapLevelPartialSupport,
			"image/jpeg": event.CapLevelPartialSupport,
			"image/gif":  event.CapLevelPartialSupport,
		},
		MaxSize: maxImageSize,
	},
}
