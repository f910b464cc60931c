using static TorchSharp.torch;

namespace Fleet.Modeling.Teachers;

/// <summary>What a teacher said about one batch.</summary>
/// <param name="Outputs">A row for each sample: a logit for each class, or the values to predict.</param>
/// <param name="Features">What was asked from inside it, by name.</param>
internal sealed record TeacherAnswers(Tensor Outputs, IReadOnlyDictionary<string, Tensor> Features);
