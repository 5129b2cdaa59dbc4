import Foundation
import Gateway
import Testing

@Suite struct `Key files` {
  /// A folder of its own that goes when the test ends.
  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "mimamori-\(UUID().uuidString)").path()
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  @Test func `are read as they were written`() throws {
    try withFolder { folder in
      let key = try Ed25519.PrivateKey()
      try OutputFile.create("\(folder)/k.key", bytes: key.pem, isSecret: true, replacing: false)
      try OutputFile.create("\(folder)/k.pub", bytes: key.publicKey.pem, isSecret: false, replacing: false)
      let loaded = try KeyFile.privateKey(at: "\(folder)/k.key")
      #expect(loaded.key.publicKey == key.publicKey)
      #expect(loaded.warning == nil)
      #expect(try KeyFile.publicKey(at: "\(folder)/k.pub") == key.publicKey)
      let mode = try FileManager.default.attributesOfItem(atPath: "\(folder)/k.key")[.posixPermissions] as? Int
      #expect(mode == 0o600)
    }
  }

  @Test func `warn when every user can read a secret`() throws {
    try withFolder { folder in
      let path = "\(folder)/tag-key"
      try OutputFile.create(path, bytes: Array(0..<32), isSecret: false, replacing: false)
      let loaded = try KeyFile.tagKey(at: path)
      #expect(loaded.warning == "\(path) is open to every user of this machine: run 'chmod o= \(path)'")
    }
  }

  static let tagKeys: [(String, [UInt8])] = [
    ("raw", Array(0..<32)), ("hex", Array("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f".utf8)),
    ("HEX", Array("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\n".utf8)),
  ]

  @Test(arguments: tagKeys)
  func `hold a tag key as bytes or as digits`(name: String, contents: [UInt8]) throws {
    let key = try #require(TagKey(text: contents))
    #expect(
      key.hash(of: try tag("ibeacon", "e2c56db5dffb48d2b060d0f5a71096e003e90007")).hex
        == "4bf5b741cefc52ec73268f6e824eafaec857fd4acef1a1f49d04ce2a42d630b6")
  }

  static let noTagKeys: [[UInt8]] = [
    [], Array(0..<31), Array(0..<33), Array(repeating: 0, count: 32), Array(String(repeating: "0", count: 64).utf8),
    Array(String(repeating: "0g", count: 32).utf8),
    Array("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n\n".utf8),
  ]

  @Test(arguments: noTagKeys)
  func `are refused when they hold no tag key`(contents: [UInt8]) throws {
    try withFolder { folder in
      let path = "\(folder)/tag-key"
      try OutputFile.create(path, bytes: contents, isSecret: true, replacing: false)
      let error = #expect(throws: GatewayError.self) { try KeyFile.tagKey(at: path) }
      #expect(error?.status == .badInputData)
      #expect(error?.description.hasPrefix("Failed to read \(path): it is no tag key: ") == true)
    }
  }

  @Test func `are refused with a status that tells why`() throws {
    try withFolder { folder in
      func status(_ path: String) -> GatewayError.ExitStatus? {
        #expect(throws: GatewayError.self) { try KeyFile.publicKey(at: path) }?.status
      }
      #expect(status("\(folder)/none") == .inputMissing)
      #expect(status(folder) == .inputOutputFailed)
      try OutputFile.create(
        "\(folder)/long", bytes: Array(repeating: 65, count: 5000), isSecret: false, replacing: false)
      #expect(status("\(folder)/long") == .badInputData)
      try OutputFile.create("\(folder)/text", bytes: [65], isSecret: false, replacing: false)
      #expect(status("\(folder)/text") == .badInputData)
    }
  }

  @Test func `replace an older file only when told to`() throws {
    try withFolder { folder in
      let path = "\(folder)/file"
      try OutputFile.create(path, bytes: [1], isSecret: false, replacing: false)
      let error = #expect(throws: GatewayError.self) {
        try OutputFile.create(path, bytes: [2], isSecret: true, replacing: false)
      }
      #expect(error?.status == .cannotCreateOutput)
      #expect(try InputFile.read(path, limit: 10) == [1])
      try OutputFile.create(path, bytes: [3], isSecret: true, replacing: true)
      #expect(try InputFile.read(path, limit: 10) == [3])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["file"])
      let nowhere = #expect(throws: GatewayError.self) {
        try OutputFile.create("\(folder)/none/file", bytes: [], isSecret: false, replacing: true)
      }
      #expect(nowhere?.status == .cannotCreateOutput)
    }
  }
}
