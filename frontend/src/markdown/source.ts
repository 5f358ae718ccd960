/** The attribute of a drawn formula that holds what the model wrote. */
export const SOURCE = 'data-source'
