import Foundation
import Gateway
import Observations

/// An authority with a real key, and a gateway that knows it.
struct CommandFixture {
  static let now = Moment(
    monotonic: MonotonicTime(nanoseconds: 1_000_000_000_000), wall: WallTime(rfc3339: "2026-11-21T15:00:00+09:00")!,
    clock: .synchronized)

  static let boot = "0b8f2d8e-55f5-4a63-8a2e-a1f2f34d7d11"

  let key: Ed25519.PrivateKey
  let other: Ed25519.PrivateKey
  let judge: CommandJudge

  init(rights: Set<String> = ["silence", "exercise", "acknowledge", "maintenance", "search", "report", "reload"]) throws
  {
    key = try Ed25519.PrivateKey()
    other = try Ed25519.PrivateKey()
    judge = CommandJudge(
      root: "mimamori/282103", gateway: "kakogawa-042", groups: ["kakogawa", "east"],
      authorities: [
        SigningAuthority(keyIdentifier: "bousai-2026", publicKey: key.publicKey, rights: rights),
        SigningAuthority(keyIdentifier: "lists-2026", publicKey: other.publicKey, rights: ["watchlist"]),
      ], boot: Self.boot)
  }

  /// A command that is carried out at `now`, with some members changed or, for nil, left out.
  static func payload(_ changes: [String: (any Sendable)?] = [:]) -> [UInt8] {
    var members: [String: Any] = [
      "id": "01K", "root": "mimamori/282103", "to": ["kakogawa-042"], "issued": "2026-11-21T14:59:50+09:00",
      "expires": "2026-11-21T15:10:00+09:00", "do": "silence",
      "with": ["output": "siren", "end": "2026-11-21T15:30:00+09:00"],
    ]
    for (name, value) in changes { members[name] = value.map { $0 as Any } }
    return Array((try? JSONSerialization.data(withJSONObject: members, options: .sortedKeys)) ?? Data())
  }

  func sign(_ payload: [UInt8], type: String = CommandJudge.type, as keyIdentifier: String = "bousai-2026") throws
    -> [UInt8]
  {
    try JSONWebSignature.sign(payload, type: type, keyIdentifier: keyIdentifier, with: key)
  }

  /// The word of the refusal, or nil when the command is accepted.
  func refusal(
    of payload: [UInt8], at now: Moment = Self.now, needsBoot: Bool = false, forgottenThrough: WallTime? = nil
  ) throws -> String? {
    let command = try judge.verify(try sign(payload), isRetained: false)
    do {
      _ = try judge.judge(command, at: now, needsBoot: needsBoot, forgottenThrough: forgottenThrough)
      return nil
    } catch {
      // Plain words with an advice behind a colon, in every refusal.
      return error.explanation.contains(": ") ? error.word : "\(error.word) without advice"
    }
  }
}
