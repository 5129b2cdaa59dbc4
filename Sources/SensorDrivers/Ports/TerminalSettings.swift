internal import Glibc

/// The kernel's settings of a terminal line: `struct termios2` of asm-generic/termbits.h, which x86, Arm and RISC-V share.
///
/// It carries the speed as a number, so that 9600 and 1,000,000 and every other rate are set in the same way; the C
/// library's `termios` knows named rates only.
struct TerminalSettings {
  private static let getSettings: UInt = 0x802C_542A
  private static let setSettings: UInt = 0x402C_542B

  /// Bits of `c_cflag`.
  private enum Control {
    static let characterSizeMask: UInt32 = 0x30
    static let sevenBits: UInt32 = 0x20
    static let eightBits: UInt32 = 0x30
    static let twoStopBits: UInt32 = 0x40
    static let receiverOn: UInt32 = 0x80
    static let parity: UInt32 = 0x100
    static let oddParity: UInt32 = 0x200
    static let ignoreModemLines: UInt32 = 0x800
    static let speedAsNumber: UInt32 = 0x1000
    static let frameMask = characterSizeMask | twoStopBits | parity | oddParity
  }

  /// Bits of `c_iflag`.
  private enum Input {
    static let ignoreBreak: UInt32 = 0x1
    static let checkParity: UInt32 = 0x10
  }

  /// `c_cc[VMIN] = 1` in the word that holds it: a read without data says so, and zero bytes mean the end.
  private static let minimumOfOneByte: UInt32 = 1 << 24

  private var inputFlags: UInt32 = 0
  private var controlFlags: UInt32 = 0
  private var inputSpeed: UInt32 = 0
  private var outputSpeed: UInt32 = 0

  /// Raw bytes at the line's speed and frame, without flow control. A byte of wrong parity is read as zero, so that a
  /// checksum finds it.
  init(_ line: SerialLine) {
    controlFlags = Control.receiverOn | Control.ignoreModemLines | Control.speedAsNumber
    controlFlags |= line.dataBits == 7 && !line.makesParityInSoftware ? Control.sevenBits : Control.eightBits
    if line.stopBits == 2 { controlFlags |= Control.twoStopBits }
    let parity = line.makesParityInSoftware ? SerialLine.Parity.none : line.parity
    switch parity {
    case .none: break
    case .even: controlFlags |= Control.parity
    case .odd: controlFlags |= Control.parity | Control.oddParity
    }
    inputFlags = Input.ignoreBreak | (parity == .none ? 0 : Input.checkParity)
    inputSpeed = UInt32(clamping: line.baud)
    outputSpeed = inputSpeed
  }

  /// Bytes of eight bits and nothing else, as a pseudo-terminal has them whatever it is asked for.
  var hasEightBitsWithoutParity: Bool {
    controlFlags & (Control.characterSizeMask | Control.parity) == Control.eightBits
  }

  /// Reads what a descriptor is set to. Returns nil and leaves `errno` if it is no terminal.
  init?(of descriptor: Int32) {
    let words: InlineArray<11, UInt32>? = Self.exchange(descriptor, Self.getSettings, InlineArray(repeating: 0))
    guard let words else { return nil }
    inputFlags = words[0]
    controlFlags = words[2]
    inputSpeed = words[9]
    outputSpeed = words[10]
  }

  /// Sets a descriptor at once. Returns false and leaves `errno` if that fails.
  func apply(to descriptor: Int32) -> Bool {
    var words = InlineArray<11, UInt32>(repeating: 0)
    words[0] = inputFlags
    words[2] = controlFlags
    // c_line and the 19 control characters fill words 4 to 8; VMIN is the sixth character, byte 23.
    words[5] = Self.minimumOfOneByte.littleEndian
    words[9] = inputSpeed
    words[10] = outputSpeed
    return Self.exchange(descriptor, Self.setSettings, words) != nil
  }

  private static func exchange(
    _ descriptor: Int32, _ request: UInt, _ words: InlineArray<11, UInt32>
  ) -> InlineArray<11, UInt32>? {
    var words = words
    // SAFETY: the kernel reads or writes exactly the 44 bytes of termios2, which is what the 11 words hold.
    let result = unsafe withUnsafeMutableBytes(of: &words) { bytes in
      unsafe ioctl(descriptor, request, bytes.baseAddress!)
    }
    return result == 0 ? words : nil
  }

  /// How these settings, read back, differ from those that were asked for; nil if they do not.
  func difference(from asked: TerminalSettings) -> String? {
    var parts: [String] = []
    if controlFlags & Control.frameMask != asked.controlFlags & Control.frameMask {
      parts.append("frame \(asked.frame) became \(frame)")
    }
    // A divider of the chip's clock seldom hits a rate exactly; 3 % is what a receiver still follows.
    let deviation = Int64(outputSpeed) - Int64(asked.outputSpeed)
    if abs(deviation) * 100 > Int64(asked.outputSpeed) * 3 {
      parts.append("\(asked.outputSpeed) baud became \(outputSpeed)")
    }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  /// The frame as people write it: `8E1`.
  private var frame: String {
    let bits = controlFlags & Control.characterSizeMask == Control.eightBits ? "8" : "7"
    let parity =
      controlFlags & Control.parity == 0 ? "N" : controlFlags & Control.oddParity == 0 ? "E" : "O"
    return bits + parity + (controlFlags & Control.twoStopBits == 0 ? "1" : "2")
  }
}
