import CCrypto

/// AES-128 (FIPS 197) under one key, in the direction that resolving tags needs. Shows nothing of the key when printed.
struct AES128: Sendable, CustomStringConvertible, CustomReflectable {
  /// 16 bytes, the first one the highest of `first`.
  struct Block: Sendable, Hashable {
    var first: UInt64
    var second: UInt64
  }

  private var key = mimamori_aes()

  init(key block: Block) {
    unsafe mimamori_aes_start(&key, block.first, block.second)
  }

  /// Takes 16 bytes; nil for another number.
  init?(key bytes: [UInt8]) {
    guard bytes.count == 16 else { return nil }
    func word(_ start: Int) -> UInt64 { bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) } }
    self.init(key: Block(first: word(0), second: word(8)))
  }

  func encrypted(_ block: Block) -> Block {
    var words: (UInt64, UInt64) = (0, 0)
    unsafe withUnsafePointer(to: key) { key in
      unsafe withUnsafeMutableBytes(of: &words) { bytes in
        // SAFETY: a pair of 64-bit words has the room and the alignment of the two that are written.
        guard let base = bytes.baseAddress else { return }
        unsafe mimamori_aes_block(key, block.first, block.second, base.assumingMemoryBound(to: UInt64.self))
      }
    }
    return Block(first: words.0, second: words.1)
  }

  var description: String { "AES128" }
  var customMirror: Mirror { Mirror(self, children: []) }
}
