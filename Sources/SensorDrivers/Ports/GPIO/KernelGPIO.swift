import CGPIOD
import Glibc
import Observations
import Synchronization

/// The board's own GPIO chips: found through libgpiod, requested through the kernel's second interface.
public struct KernelGPIO: GPIOAccess {
  /// The name under which the kernel shows the lines as held; at most 31 bytes.
  public static let consumer = "mimamori-gateway"
  /// How many edges the kernel keeps for us while we are busy: 1,024 is the most that it grants for few lines.
  static let eventBufferSize: UInt32 = 1024
  /// The interface of libgpiod that the program was compiled with: 1 (Debian 12) or 2 (Debian 13). Nothing depends on it.
  public static var libraryInterface: Int { Int(mimamori_gpio_library()) }
  /// How long a line that was held until a moment ago is waited for. The guard answers within a fraction of this.
  private static let settleLimit = TimeSpan.milliseconds(200)

  private let outputGuard: OutputGuard?
  private let keptLines: KeptLines?

  /// - Parameters:
  ///   - outputGuard: makes the outputs safe when this process ends without doing so; nil: the kernel then leaves them as
  ///     they are.
  ///   - keptLines: has outputs that are let go, and those of an earlier run; nil: they are requested anew.
  public init(outputGuard: OutputGuard? = nil, keptLines: KeptLines? = nil) {
    self.outputGuard = outputGuard
    self.keptLines = keptLines
  }

  public func inputs(chip: String, lines: [GPIOInputSettings]) throws(SensorDriversError) -> any GPIOInputs {
    let chip = try GPIOChip(chip)
    var requested: [mimamori_gpio_input] = []
    var offsets: [UInt32] = []
    for line in lines {
      let offset = try chip.offset(of: line.line)
      offsets.append(offset)
      let microseconds = UInt32(clamping: line.debounce.nanoseconds / 1000)
      requested.append(
        mimamori_gpio_input(
          offset: offset, bias: line.bias.kernelValue, active_low: line.isActiveLow ? 1 : 0,
          debounce_us: microseconds))
    }
    var descriptor: Int32 = -1
    var isDebounced = true
    var result = Self.request(requested, of: chip, into: &descriptor)
    if result == -EINVAL || result == -ENOTSUP, requested.contains(where: { $0.debounce_us > 0 }) {
      for index in requested.indices { requested[index].debounce_us = 0 }
      isDebounced = false
      result = Self.request(requested, of: chip, into: &descriptor)
    }
    guard result == 0 else {
      throw chip.requestError(code: -result, lines: lines.map(\.line), offsets: offsets)
    }
    return KernelInputs(descriptor: descriptor, chip: chip.path, offsets: offsets, isDebounced: isDebounced)
  }

  public func output(
    chip: String, line: GPIOLine, isActiveHigh: Bool, initial: Bool
  ) throws(SensorDriversError) -> any GPIOOutput {
    let chip = try GPIOChip(chip)
    let offset = try chip.offset(of: line)
    let name = KeptLines.name(chip: chip.path, offset: offset, isActiveHigh: isActiveHigh, isSafeActive: initial)
    if let descriptor = keptLines?.take(name) {
      return KernelOutput(
        descriptor: descriptor, chip: chip.path, offset: offset, safe: initial, outputGuard: outputGuard,
        kept: keptLines.map { ($0, name) })
    }
    keptLines?.release(chip: chip.path, offset: offset)
    outputGuard?.settle(within: Self.settleLimit)
    var descriptor: Int32 = -1
    let result = unsafe mimamori_gpio_request_output(
      chip.descriptor, offset, isActiveHigh ? 0 : 1, initial ? 1 : 0, Self.consumer, &descriptor)
    guard result == 0 else { throw chip.requestError(code: -result, lines: [line], offsets: [offset]) }
    keptLines?.requested(descriptor, name)
    return KernelOutput(
      descriptor: descriptor, chip: chip.path, offset: offset, safe: initial, outputGuard: outputGuard,
      kept: keptLines.map { ($0, name) })
  }

  private static func request(
    _ inputs: [mimamori_gpio_input], of chip: borrowing GPIOChip, into descriptor: inout Int32
  ) -> Int32 {
    unsafe mimamori_gpio_request_inputs(
      chip.descriptor, inputs, UInt32(inputs.count), consumer, eventBufferSize, &descriptor)
  }
}

extension GPIOBias {
  fileprivate var kernelValue: UInt32 {
    switch self {
    case .asIs: MIMAMORI_GPIO_BIAS_AS_IS.rawValue
    case .disabled: MIMAMORI_GPIO_BIAS_DISABLED.rawValue
    case .pullUp: MIMAMORI_GPIO_BIAS_PULL_UP.rawValue
    case .pullDown: MIMAMORI_GPIO_BIAS_PULL_DOWN.rawValue
    }
  }
}

/// Input lines held in the kernel.
final class KernelInputs: GPIOInputs {
  let fileDescriptor: Int32
  let offsets: [UInt32]
  let isDebounced: Bool
  private let chip: String

  init(descriptor: Int32, chip: String, offsets: [UInt32], isDebounced: Bool) {
    fileDescriptor = descriptor
    self.chip = chip
    self.offsets = offsets
    self.isDebounced = isDebounced
  }

  deinit {
    close(fileDescriptor)
  }

  func levels() throws(SensorDriversError) -> [Bool] {
    let mask = offsets.count == 64 ? UInt64.max : (1 << UInt64(offsets.count)) - 1
    var bits: UInt64 = 0
    let result = unsafe mimamori_gpio_get(fileDescriptor, mask, &bits)
    guard result == 0 else { throw .whileHeld("read the levels of", chip: chip, offsets: offsets, code: -result) }
    return offsets.indices.map { bits >> UInt64($0) & 1 == 1 }
  }

  func readEdges(into edges: inout [GPIOEdge]) throws(SensorDriversError) {
    let code = GPIOEdgeRecord.read(from: fileDescriptor, into: &edges)
    guard code == 0 else { throw .whileHeld("read the edges of", chip: chip, offsets: offsets, code: code) }
  }
}

/// An output line held in the kernel, which leaves the line as it is when the program is killed; its guard does not.
final class KernelOutput: GPIOOutput {
  private let descriptor: Int32
  private let chip: String
  private let offset: UInt32
  private let safe: Bool
  private let guarding: (outputGuard: OutputGuard, number: UInt32)?
  private let kept: (lines: KeptLines, name: String)?
  /// The chip has gone away: what is held is worth nothing any more.
  private let isLost = Atomic(false)

  init(
    descriptor: Int32, chip: String, offset: UInt32, safe: Bool, outputGuard: OutputGuard?,
    kept: (lines: KeptLines, name: String)?
  ) {
    self.kept = kept
    self.descriptor = descriptor
    self.chip = chip
    self.offset = offset
    self.safe = safe
    guarding = outputGuard.map { outputGuard in
      (outputGuard, outputGuard.hold(descriptor, isSafeActive: safe, name: "line \(offset) of \(chip)"))
    }
  }

  deinit {
    let isSafe = mimamori_gpio_set(descriptor, 1, safe ? 1 : 0) == 0 && !isLost.load(ordering: .relaxed)
    if let guarding { guarding.outputGuard.drop(guarding.number) }
    guard let kept else {
      close(descriptor)
      return
    }
    if isSafe {
      kept.lines.put(descriptor, kept.name)
    } else {
      kept.lines.discard(descriptor, kept.name)
    }
  }

  var isGuarded: Bool? { guarding.map { $0.outputGuard.isHolding($0.number) } ?? false }

  func set(_ isActive: Bool) throws(SensorDriversError) {
    let result = mimamori_gpio_set(descriptor, 1, isActive ? 1 : 0)
    guard result == 0 else {
      isLost.store(true, ordering: .relaxed)
      throw .whileHeld("switch", chip: chip, offsets: [offset], code: -result)
    }
  }

  func isActive() throws(SensorDriversError) -> Bool {
    var bits: UInt64 = 0
    let result = unsafe mimamori_gpio_get(descriptor, 1, &bits)
    guard result == 0 else { throw .whileHeld("read back", chip: chip, offsets: [offset], code: -result) }
    return bits & 1 == 1
  }
}
