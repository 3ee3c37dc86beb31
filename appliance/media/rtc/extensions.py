"""What stands in the header extensions of each packet we send, beside what aiortc writes there."""

from dataclasses import replace

from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpSendParameters
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap

from appliance.media.rtc.simulcast import REPAIRED_RID, REPAIRED_RID_ID, RID, RID_ID


class NumberedExtensions(HeaderExtensionsMap):
    """Leaves room for the transport-wide number, which a packet gets when it leaves, and names its simulcast layer."""

    def __init__(self) -> None:
        super().__init__()
        self.rid = ""

    def name_layer(self, rid: str) -> None:
        """Say of which layer the packets are from now on; of none if it is empty."""
        self.rid = rid
        names = ((RID_ID, RID), (REPAIRED_RID_ID, REPAIRED_RID))
        extensions = [RTCRtpHeaderExtensionParameters(id=number, uri=uri) for number, uri in names]
        self.configure(RTCRtpSendParameters(headerExtensions=extensions))

    def set(self, values: HeaderExtensions) -> tuple[int, bytes]:
        values.transport_sequence_number = 0
        if not self.rid:
            return super().set(values)
        if values.rtp_stream_id is None:
            values.rtp_stream_id = self.rid
            return super().set(values)
        # a repair shares the extensions of the packet that it repairs, which has been here before
        return super().set(replace(values, rtp_stream_id=None, repaired_rtp_stream_id=self.rid))
