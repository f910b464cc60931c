namespace Fleet.Modeling.Students.Layers;

/// <summary>To a logit for each class.</summary>
internal sealed record Classifier(int Classes) : Head(Classes)
{
    /// <inheritdoc/>
    public override string Output => "logits";
}
