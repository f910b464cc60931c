using static TorchSharp.torch;

namespace Fleet.Modeling.Teachers;

/// <summary>What a teacher said about one batch.</summary>
/// <param name="Logits">Samples by classes.</param>
/// <param name="Features">What was asked from inside it, by name.</param>
internal sealed record TeacherAnswers(Tensor Logits, IReadOnlyDictionary<string, Tensor> Features);
